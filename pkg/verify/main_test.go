package verify_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/icarus-sidecar/icarus/hack/stores"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
	"github.com/icarus-sidecar/icarus/pkg/verify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func noError(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

const (
	tableID = "cb3ee290e6f811f1ad27c9232c6e466a"
	schema  = "40b7edb9-c49e-3800-9b50-353ea0f50fa7"
)

func tag(n int) string {
	return manifest.FinalTag("daily", schema, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n))
}

// key is that of a component of an SSTable.
func key(keyspace string, generation int, component string) string {
	return fmt.Sprintf("data/%s/items-%s/%d-1/nb-%d-big-%s", keyspace, tableID, generation, generation, component)
}

func content(key string) []byte { return []byte("what is in " + key) }

func sum(body []byte) string {
	digest := sha256.Sum256(body)
	return hex.EncodeToString(digest[:])
}

func crc(body []byte) string { return strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10) }

// document is a manifest; change may spoil its entries.
func document(tb testing.TB, tag, keyspace string, change func(e *manifest.Entry), generations ...int) []byte {
	tb.Helper()
	t := manifest.Table{ID: tableID, SSTables: map[string][]manifest.Entry{}}
	for _, n := range generations {
		base := fmt.Sprintf("nb-%d-big", n)
		for _, component := range []string{"Data.db", "Index.db"} {
			body := content(key(keyspace, n, component))
			e := manifest.Entry{ObjectKey: key(keyspace, n, component), Type: manifest.File, Size: int64(len(body)), Hash: sum(body)}
			if change != nil {
				change(&e)
			}
			t.SSTables[base] = append(t.SSTables[base], e)
		}
	}
	m := manifest.Manifest{Snapshot: manifest.Snapshot{Name: tag}}
	m.Add(manifest.TableName{Keyspace: keyspace, Table: "items"}, t)
	body, err := m.Encode()
	noError(tb, err)
	return body
}

func upload(tb testing.TB, b store.Bucket, keyspace string, generations ...int) {
	tb.Helper()
	for _, n := range generations {
		for _, component := range []string{"Data.db", "Index.db"} {
			at := key(keyspace, n, component)
			noError(tb, b.Replace(tb.Context(), at, content(at)))
		}
	}
}

// back makes a backup.
func back(tb testing.TB, b store.Bucket, tag string, generations ...int) {
	tb.Helper()
	upload(tb, b, "shop", generations...)
	noError(tb, b.Replace(tb.Context(), manifest.ManifestKey(tag), document(tb, tag, "shop", nil, generations...)))
}

// three are backups of days 1 to 3, which share generation 2.
func three(tb testing.TB, b store.Bucket) store.Bucket {
	tb.Helper()
	back(tb, b, tag(1), 1, 2)
	back(tb, b, tag(2), 2, 3)
	back(tb, b, tag(3), 2, 3, 4)
	return b
}

func run(tb testing.TB, b store.Bucket, o verify.Options) verify.Report {
	tb.Helper()
	r, err := verify.Node(tb.Context(), b, o)
	noError(tb, err)
	return r
}

// bucket is one of a test's own, and tells what it was asked for.
type bucket struct {
	store.Bucket
	take func() int64
}

// buckets make them.
var buckets = map[string]func(tb testing.TB) bucket{
	"in memory": func(testing.TB) bucket { return counted(storetest.NewMemory()) },
	"of files": func(tb testing.TB) bucket {
		tb.Helper()
		return counted(storetest.Files(tb))
	},
	"of S3": func(tb testing.TB) bucket {
		tb.Helper()
		server := stores.S3ForTest(tb, "bucket")
		count := stores.CountForTest(tb, server.Endpoint)
		return bucket{storetest.Opened(tb, "s3://bucket/cluster/dc/node", store.Options{
			Endpoint: count.Endpoint, PathStyle: true, Connections: 8,
			Credentials: store.Credentials{AccessKeyID: stores.AccessKey, SecretAccessKey: stores.SecretKey},
		}), count.Take}
	},
}

// counted counts the calls of a bucket. None of its lists has a thousand objects.
func counted(b store.Bucket) bucket {
	f := storetest.NewFaulty(b)
	var former int64
	return bucket{f, func() int64 {
		all := int64(f.Calls(storetest.Get) + f.Calls(storetest.Stat) + f.Calls(storetest.List))
		since := all - former
		former = all
		return since
	}}
}

func read(tb testing.TB, b store.Bucket, key string) []byte {
	tb.Helper()
	r, _, err := b.Get(context.WithoutCancel(tb.Context()), key, 0)
	noError(tb, err)
	defer r.Close()
	body, err := io.ReadAll(r)
	noError(tb, err)
	return body
}

// brief is a report of what is bad, a line for each.
func brief(r verify.Report) string {
	var lines []string
	for _, bad := range r.Bad {
		lines = append(lines, fmt.Sprintf("%s is %s, needed by %d", bad.Key, bad.Problem, len(bad.Backups)))
	}
	return strings.Join(lines, "\n")
}
