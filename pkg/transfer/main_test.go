package transfer_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// content is size bytes that are the same in every run.
func content(tb testing.TB, size int) []byte {
	tb.Helper()
	body := make([]byte, size)
	_, err := rand.NewChaCha8([32]byte{byte(size), byte(size >> 8)}).Read(body)
	noError(tb, err)
	return body
}

func sum(body []byte) string {
	s := sha256.Sum256(body)
	return hex.EncodeToString(s[:])
}

func noError(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func write(tb testing.TB, path string, body []byte) {
	tb.Helper()
	noError(tb, os.MkdirAll(filepath.Dir(path), 0o700))
	noError(tb, os.WriteFile(path, body, 0o600))
}

func put(tb testing.TB, b store.Bucket, key string, body []byte) {
	tb.Helper()
	noError(tb, b.Put(tb.Context(), key, int64(len(body)), storetest.Opening(body)))
}

func object(tb testing.TB, b store.Bucket, key string) []byte {
	tb.Helper()
	r, _, err := b.Get(tb.Context(), key, 0)
	noError(tb, err)
	defer r.Close()
	body, err := io.ReadAll(r)
	noError(tb, err)
	return body
}

// keys are all keys of a bucket.
func keys(tb testing.TB, b store.Bucket) []string {
	tb.Helper()
	var all []string
	for o, err := range b.List(context.WithoutCancel(tb.Context()), "") {
		noError(tb, err)
		all = append(all, o.Key)
	}
	return all
}

// files are the contents of all files below a directory, by path.
func files(tb testing.TB, dir string) map[string]string {
	tb.Helper()
	all := map[string]string{}
	noError(tb, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[name] = string(bytes.Clone(body))
		return err
	}))
	return all
}
