package gocloud_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/icarus-sidecar/icarus/hack/stores"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

// winners is how many of some writers that begin at once create a key.
func winners(create func(writer int) error) int64 {
	const writers = 8
	start := make(chan struct{})
	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			<-start
			if create(i) == nil {
				won.Add(1)
			}
		})
	}
	close(start)
	wg.Wait()
	return won.Load()
}

// Of any number of writers of one key exactly one wins.
func TestOneWriterOfAFileWins(t *testing.T) {
	const rounds, most = 300, 10_000
	plain, own := plainFile(t), ours(t, "file://"+t.TempDir()+"/bucket/c/d/n", store.Options{})
	broken := false
	for i := 0; i < most && !broken; i++ {
		broken = winners(func(int) error {
			return plain.WriteAll(t.Context(), fmt.Sprint(i), []byte("x"), &blob.WriterOptions{IfNotExist: true})
		}) != 1
	}
	if !broken {
		t.Errorf("fileblob had one winner in each of %d rounds: %s", most, mended)
	}
	for i := range rounds {
		if n := winners(func(int) error { return own.Create(t.Context(), fmt.Sprint(i), []byte("x")) }); n != 1 {
			t.Fatalf("ours has %d winners in round %d", n, i)
		}
	}
}

// A returned Put is durable. That a file is brought to the disk before it has its
// name is what pkg/store's own test shows; here, that fileblob has no way to.
func TestAFileIsBroughtToTheDisk(t *testing.T) {
	said, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", "gocloud.dev/blob/fileblob", "github.com/icarus-sidecar/icarus/pkg/store").Output()
	if err != nil {
		t.Fatal(err)
	}
	dirs := strings.Fields(string(said))
	if syncs(t, dirs[0]) {
		t.Error("fileblob calls Sync: " + mended)
	}
	if !syncs(t, dirs[1]) {
		t.Error("ours calls it nowhere")
	}
}

// syncs is whether the sources of a package name a method Sync.
func syncs(t *testing.T, dir string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(dir, err)
	}
	found := false
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Sync" {
				found = true
			}
			return true
		})
	}
	return found
}

const (
	roleVariable = "GOCLOUD_TEST_ROLE"
	endpointOf   = "GOCLOUD_TEST_ENDPOINT"
)

// roles are what this program does as another process.
var roles = map[string]func(){
	// A writer of a key that is taken.
	"lost race": func() {
		ctx := context.Background()
		b, err := openAzure(ctx, os.Getenv(endpointOf))
		if err != nil {
			fmt.Println(err)
			return
		}
		for range 20 {
			err = b.WriteAll(ctx, "taken", make([]byte, 1<<20), &blob.WriterOptions{IfNotExist: true, ContentType: "application/octet-stream"})
		}
		fmt.Println("survived:", err)
	},
}

// A failure is an error, and not the end of the process.
func TestAFailedWriteToAzureIsAnError(t *testing.T) {
	server := stores.AzureForTest(t, "bucket")
	own := ours(t, "azure://bucket", azureOptions(server.ServiceURL()))
	if err := own.Create(t.Context(), "taken", []byte("x")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"=lost race", endpointOf+"="+server.ServiceURL())
	said, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(string(said), "panic: ") || !strings.Contains(string(said), "azureblob") {
		t.Errorf("azureblob survived a lost race (%v, %.300s): %s", err, said, mended)
	}
	if err := own.Create(t.Context(), "taken", []byte("y")); !errors.Is(err, store.ErrExists) {
		t.Errorf("ours: %v", err)
	}
}

// Many keys go with few requests.
func TestManyKeysGoWithFewRequests(t *testing.T) {
	const objects = 100
	server := stores.S3ForTest(t, "bucket")
	var count atomic.Int64
	endpoint := before(t, server.Endpoint, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		count.Add(1)
		pass.ServeHTTP(w, r)
	}, nil)
	plain, own := plainS3(t, through(endpoint, server)), ours(t, "s3://bucket", s3Options(endpoint))
	keys := make([]string, objects)
	fill := func() {
		for i := range keys {
			keys[i] = fmt.Sprintf("k/%d", i)
			if err := own.Create(t.Context(), keys[i], nil); err != nil {
				t.Fatal(err)
			}
		}
		count.Store(0)
	}
	fill()
	for _, key := range keys {
		if err := plain.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	if n := count.Load(); n < objects {
		t.Errorf("s3blob deleted %d objects with %d requests: %s", objects, n, mended)
	}
	fill()
	if err := own.DeleteMany(t.Context(), keys); err != nil || count.Load() != 1 {
		t.Errorf("ours: %d requests, %v", count.Load(), err)
	}
}

// After a cancel nothing stays behind that costs room.
func TestNoPartsStayAfterACancel(t *testing.T) {
	const size = 64 << 20
	server := stores.S3ForTest(t, "bucket")
	uploads := func() int {
		out, err := server.Client().ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String("bucket")})
		if err != nil {
			t.Fatal(err)
		}
		return len(out.Uploads)
	}
	// body cancels when an upload is on its way.
	body := func(cancel func()) io.Reader {
		return &cancelling{left: size, at: size / 2, uploads: uploads, cancel: cancel}
	}
	ctx, cancel := context.WithCancel(t.Context())
	w, err := plainS3(t, server.Client()).NewWriter(ctx, "plain", &blob.WriterOptions{ContentType: "application/octet-stream"})
	if err != nil {
		t.Fatal(err)
	}
	_, copied := io.Copy(w, body(cancel))
	if err := errors.Join(copied, w.Close()); err == nil {
		t.Error("s3blob wrote it all the same")
	}
	if uploads() == 0 {
		t.Error("s3blob left no parts: " + mended)
	}
	left := uploads()
	ctx, cancel = context.WithCancel(t.Context())
	err = ours(t, "s3://bucket", s3Options(server.Endpoint)).Put(ctx, "ours", size, func() (io.ReadCloser, error) {
		return io.NopCloser(body(cancel)), nil
	})
	if !errors.Is(err, context.Canceled) || uploads() != left {
		t.Errorf("ours left %d uploads: %v", uploads()-left, err)
	}
}

type cancelling struct {
	left, at int
	uploads  func() int
	cancel   func()
}

func (c *cancelling) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), c.left)
	if c.left -= n; c.left < c.at && c.cancel != nil {
		for range 1000 { // the first part is on its way
			if c.uploads() > 0 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		c.cancel()
		c.cancel = nil
	}
	return n, nil
}

// Every worker has a connection, and keeps it.
func TestWorkersKeepTheirConnections(t *testing.T) {
	const workers, rounds = 32, 30
	server := stores.S3ForTest(t, "bucket")
	var connections atomic.Int64
	endpoint := before(t, server.Endpoint, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		pass.ServeHTTP(w, r)
	}, func() { connections.Add(1) })
	if err := ours(t, "s3://bucket", s3Options(server.Endpoint)).Create(t.Context(), "k", []byte("x")); err != nil {
		t.Fatal(err)
	}
	opened := func(read func() error) int64 {
		connections.Store(0)
		for range rounds { // all begin, and all end, before the next begin
			var wg sync.WaitGroup
			for range workers {
				wg.Go(func() {
					if err := read(); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		return connections.Load()
	}
	plain, own := plainS3(t, through(endpoint, server)), ours(t, "s3://bucket", s3Options(endpoint))
	if n := opened(func() error { _, err := plain.ReadAll(t.Context(), "k"); return err }); n <= 3*workers {
		t.Errorf("s3blob opened %d connections for %d workers: %s", n, workers, mended)
	}
	n := opened(func() error {
		r, _, err := own.Get(t.Context(), "k", 0)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, r)
		return errors.Join(err, r.Close())
	})
	if n > 2*workers {
		t.Errorf("ours opened %d connections for %d workers", n, workers)
	}
}

// A failure is one of the sentinels, whatever the provider calls it.
func TestABusyStoreIsNamed(t *testing.T) {
	server := stores.S3ForTest(t, "bucket")
	endpoint := before(t, server.Endpoint, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Method != http.MethodPut {
			pass.ServeHTTP(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "<Error><Code>SlowDown</Code></Error>")
	}, nil)
	err := plainS3(t, through(endpoint, server)).WriteAll(t.Context(), "k", []byte("x"), &blob.WriterOptions{ContentType: "text/plain"})
	if err == nil || gcerrors.Code(err) != gcerrors.Unknown {
		t.Errorf("s3blob says %v, %v: %s", gcerrors.Code(err), err, mended)
	}
	o := s3Options(endpoint)
	o.Retry = store.Retry{MaxAttempts: 1}
	if err := ours(t, "s3://bucket", o).Create(t.Context(), "k", []byte("x")); !errors.Is(err, store.ErrThrottled) {
		t.Errorf("ours says %v", err)
	}
}

// A key comes back as it went, also one that looks like an escape of gocloud.dev's.
func TestAKeyIsItsCharacters(t *testing.T) {
	const key = "__0x41__"
	s3Server, gcs, azure := stores.S3ForTest(t, "bucket"), stores.GCSForTest(t, "bucket"), stores.AzureForTest(t, "bucket")
	for name, c := range map[string]struct {
		plain *blob.Bucket
		own   store.Bucket
	}{
		"s3blob": {plainS3(t, s3Server.Client()), ours(t, "s3://bucket", s3Options(s3Server.Endpoint))},
		"gcsblob": {plainGCS(t, gcs), ours(t, "gcp://bucket", store.Options{
			GCS: store.GCSOptions{Endpoint: gcs.Endpoint, Anonymous: true, Project: stores.Project},
		})},
		"azureblob": {plainAzure(t, azure.ServiceURL()), ours(t, "azure://bucket", azureOptions(azure.ServiceURL()))},
	} {
		if err := c.own.Put(t.Context(), key, 1, storetest.Opening([]byte("x"))); err != nil {
			t.Fatal(err)
		}
		listed, err := c.plain.List(nil).Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if listed.Key == key {
			t.Errorf("%s lists %s: %s", name, key, mended)
		}
		for o, err := range c.own.List(t.Context(), "") {
			if err != nil || o.Key != key {
				t.Errorf("ours lists %+v, %v", o, err)
			}
		}
	}
}

// A sidecar at rest takes little from Cassandra.
func TestMemoryAtRest(t *testing.T) {
	const limit = 0.75 // of what the plain drivers take
	dir := t.TempDir()
	file := filepath.Join(dir, "bucket", "c", "d", "n")
	if err := os.MkdirAll(file, 0o755); err != nil {
		t.Fatal(err)
	}
	plain := resident(t, "plain", "s3://bucket?region=us-east-1", "gs://bucket", "azblob://bucket", "file://"+file)
	own := resident(t, "ours", "s3://bucket", "gcp://bucket", "azure://bucket", "file://"+file)
	t.Logf("at rest: gocloud.dev %d KiB, ours %d KiB", plain, own)
	if float64(own) > limit*float64(plain) {
		t.Errorf("ours takes %d KiB, and gocloud.dev %d: %s", own, plain, mended)
	}
}

// resident builds a program, and is what it says of its memory in KiB.
func resident(t *testing.T, name string, args ...string) int {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./internal/atrest/"+name)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(
		os.Environ(), "AWS_ACCESS_KEY_ID=k", "AWS_SECRET_ACCESS_KEY=s", "AWS_REGION=us-east-1", "STORAGE_EMULATOR_HOST=127.0.0.1:1",
		"AZURE_STORAGE_ACCOUNT="+stores.AzureAccount, "AZURE_STORAGE_KEY="+stores.AzureKey,
	)
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	kib, err := strconv.Atoi(strings.TrimSpace(string(said)))
	if err != nil {
		t.Fatal(err)
	}
	return kib
}
