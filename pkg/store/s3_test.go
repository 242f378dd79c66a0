package store_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/icarus-sidecar/icarus/hack/stores"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

const severalParts = 20 << 20

// wantNoUploads fails if parts of objects lie in a bucket that nobody frees.
func wantNoUploads(t *testing.T, server *stores.S3, bucket string) {
	t.Helper()
	out, err := server.Client().ListMultipartUploads(context.WithoutCancel(t.Context()), &s3.ListMultipartUploadsInput{Bucket: aws.String(bucket)})
	if err != nil {
		t.Errorf("listing the uploads: %v", err)
		return
	}
	for _, u := range out.Uploads {
		t.Errorf("the parts of %s stayed", aws.ToString(u.Key))
	}
}

func wantObject(t *testing.T, b store.Bucket, key string, want []byte) {
	t.Helper()
	r, _, err := b.Get(t.Context(), key, 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s has %d bytes, not %d, %v", key, len(got), len(want), err)
	}
}

// acting does something when half of its bytes are read.
type acting struct {
	io.Reader
	left int
	do   func()
}

func (a *acting) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if a.left -= n; a.left <= 0 && a.do != nil {
		a.do()
		a.do = nil
	}
	return n, err
}

func halfway(body []byte, do func()) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		return io.NopCloser(&acting{bytes.NewReader(body), len(body) / 2, do}), nil
	}
}

// gocloud.dev's s3blob aborts with the context that has ended, and the parts stay.
func TestPartsDoNotStayAfterACancel(t *testing.T) {
	t.Parallel()
	server := stores.S3ForTest(t, "bucket")
	b := open(t, "s3://bucket", s3Options(server), false)
	ctx, cancel := context.WithCancel(t.Context())
	begun := false
	err := b.Put(ctx, "k", severalParts, halfway(make([]byte, severalParts), func() {
		out, err := server.Client().ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String("bucket")})
		begun = err == nil && len(out.Uploads) == 1
		cancel()
	}))
	if !errors.Is(err, context.Canceled) || !begun {
		t.Errorf("begun %v: %v", begun, err)
	}
	wantNoUploads(t, server, "bucket")
}

// Stat before the upload is an economy; If-None-Match at its end is the promise.
func TestAKeyThatIsTakenDuringTheUploadIsTaken(t *testing.T) {
	t.Parallel()
	server := stores.S3ForTest(t, "bucket")
	b := open(t, "s3://bucket", s3Options(server), false)
	for key, size := range map[string]int{"small": 1000, "large": severalParts} {
		err := b.Put(t.Context(), key, int64(size), halfway(make([]byte, size), func() {
			if err := b.Create(t.Context(), key, []byte("theirs")); err != nil {
				t.Error(err)
			}
		}))
		if !errors.Is(err, store.ErrExists) {
			t.Errorf("%s: %v", key, err)
		}
		wantObject(t, b, key, []byte("theirs"))
	}
	wantNoUploads(t, server, "bucket")
}

func TestWhatS3Refuses(t *testing.T) {
	t.Parallel()
	server := stores.S3ForTest(t, "bucket")
	wrongSecret, wrongKey := s3Options(server), s3Options(server)
	wrongSecret.Credentials.SecretAccessKey = "wrong"
	wrongKey.Credentials.AccessKeyID = "wrong"
	for name, c := range map[string]struct {
		location string
		o        store.Options
		want     error
	}{
		"a wrong secret": {"s3://bucket", wrongSecret, store.ErrDenied},
		"a wrong key":    {"s3://bucket", wrongKey, store.ErrDenied},
		"no bucket":      {"s3://nobucket", s3Options(server), store.ErrNoBucket},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := store.ParseLocation(c.location)
			if err != nil {
				t.Fatal(err)
			}
			b := open(t, c.location, c.o, false)
			_, _, getErr := b.Get(t.Context(), "k", 0)
			for call, err := range map[string]error{
				"CheckBucket": store.CheckBucket(t.Context(), l, c.o, false), "Get": getErr, "Create": b.Create(t.Context(), "k", []byte("x")),
				"a large Put": b.Put(t.Context(), "k", severalParts, storetest.Opening(make([]byte, severalParts))),
			} {
				if !errors.Is(err, c.want) || strings.Contains(err.Error(), stores.SecretKey) {
					t.Errorf("%s: %v", call, err)
				}
			}
		})
	}
}

func TestCheckBucketMakesOneOnceAsked(t *testing.T) {
	t.Parallel()
	server := stores.S3ForTest(t)
	l := store.Location{Provider: store.S3, Bucket: "fresh"}
	for _, step := range []struct {
		create bool
		want   error
	}{{false, store.ErrNoBucket}, {true, nil}, {true, nil}, {false, nil}} {
		if err := store.CheckBucket(t.Context(), l, s3Options(server), step.create); !errors.Is(err, step.want) {
			t.Errorf("create %v: %v", step.create, err)
		}
	}
}

func TestAStoreThatIsNotThereIsNamedSoon(t *testing.T) {
	t.Parallel()
	closed, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	closed.Close()
	for _, endpoint := range []string{"http://" + address, "http://no-such-host.invalid:9000"} {
		t.Run(endpoint, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
			defer cancel()
			o := store.Options{Endpoint: endpoint, PathStyle: true, Credentials: store.Credentials{AccessKeyID: "k", SecretAccessKey: "hunter2"}}
			err := store.CheckBucket(ctx, store.Location{Provider: store.S3, Bucket: "bucket"}, o, true)
			host := strings.TrimPrefix(endpoint, "http://")
			if !errors.Is(err, store.ErrUnreachable) || !strings.Contains(err.Error(), host) || !strings.Contains(err.Error(), "s3://bucket") || ctx.Err() != nil {
				t.Error(err)
			}
		})
	}
}

// between puts a proxy before an S3 server, which may answer in its place.
func between(t *testing.T, server *stores.S3, handle func(w http.ResponseWriter, r *http.Request, pass http.Handler)) store.Options {
	t.Helper()
	o := s3Options(server)
	o.Endpoint, o.Retry = proxied(t, server.Endpoint, handle), quickly
	return o
}

var quickly = store.Retry{MaxAttempts: 4, Interval: time.Millisecond}

// proxied is the address of a proxy before a server.
func proxied(t *testing.T, endpoint string, handle func(w http.ResponseWriter, r *http.Request, pass http.Handler)) string {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	// The signature is of the Host that the client sees, and stays.
	pass := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		Transport: transport,
	}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handle(w, r, pass) }))
	t.Cleanup(func() { proxy.Close(); transport.CloseIdleConnections() })
	return proxy.URL
}

// loseAnswer lets a request through and breaks the connection.
func loseAnswer(r *http.Request, pass http.Handler) {
	pass.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

func TestFailuresOnTheWay(t *testing.T) {
	t.Parallel()
	isPart := func(r *http.Request) bool { return r.URL.Query().Has("partNumber") }
	isComplete := func(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Query().Has("uploadId") }
	isPut := func(r *http.Request) bool { return r.Method == http.MethodPut && !isPart(r) }
	slowDown := func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>")
	}
	lost := func(_ http.ResponseWriter, r *http.Request, pass http.Handler) { loseAnswer(r, pass) }
	broken := func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }
	server := stores.S3ForTest(t, "bucket")
	for name, c := range map[string]struct {
		size   int
		which  func(*http.Request) bool
		times  int32
		handle func(http.ResponseWriter, *http.Request, http.Handler)
		fails  error
	}{
		"a busy store":                           {100, isPut, 3, slowDown, nil},
		"a store that stays busy":                {100, isPut, 1000, slowDown, store.ErrThrottled},
		"the answer to a small object is lost":   {100, isPut, 1, lost, nil},
		"the answer to the last request is lost": {severalParts, isComplete, 1, lost, nil},
		"the last request is lost":               {severalParts, isComplete, 2, broken, nil},
		"the last request never comes through":   {severalParts, isComplete, 1000, broken, store.ErrTransient},
		"some parts are lost":                    {severalParts, isPart, 3, broken, nil},
		"no part comes through":                  {severalParts, isPart, 1000, broken, store.ErrTransient},
	} {
		t.Run(name, func(t *testing.T) {
			key := strings.ReplaceAll(name, " ", "-")
			var calls atomic.Int32
			o := between(t, server, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
				if c.which(r) && calls.Add(1) <= c.times {
					c.handle(w, r, pass)
				} else {
					pass.ServeHTTP(w, r)
				}
			})
			body := bytes.Repeat([]byte("0123456789"), c.size/10)
			b := open(t, "s3://bucket", o, false)
			err := b.Put(t.Context(), key, int64(len(body)), storetest.Opening(body))
			if !errors.Is(err, c.fails) || calls.Load() < min(c.times, 4) {
				t.Errorf("after %d calls: %v", calls.Load(), err)
			}
			// Tried 4 times, and not 4 times 4: never two retriers, one in the other.
			if limit := int32(4 * 3); c.fails != nil && calls.Load() > limit {
				t.Errorf("%d calls", calls.Load())
			}
			if direct := open(t, "s3://bucket", s3Options(server), false); c.fails == nil {
				wantObject(t, direct, key, body)
			} else if _, err := direct.Stat(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("it is there: %v", err)
			}
			wantNoUploads(t, server, "bucket")
		})
	}
}

func TestADownloadThatBreaksGoesOn(t *testing.T) {
	t.Parallel()
	server := stores.S3ForTest(t, "bucket")
	body := bytes.Repeat([]byte("0123456789"), severalParts/10)
	if err := open(t, "s3://bucket", s3Options(server), false).Put(t.Context(), "k", int64(len(body)), storetest.Opening(body)); err != nil {
		t.Fatal(err)
	}
	var gets atomic.Int32
	o := between(t, server, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Method == http.MethodGet && gets.Add(1) <= 3 {
			w = &cutting{ResponseWriter: w, left: severalParts / 5}
		}
		pass.ServeHTTP(w, r)
	})
	wantObject(t, open(t, "s3://bucket", o, false), "k", body)
	if gets.Load() != 4 {
		t.Errorf("%d requests", gets.Load())
	}
}

// cutting breaks the connection after a number of bytes.
type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Write(p []byte) (int, error) {
	if c.left -= len(p); c.left < 0 {
		panic(http.ErrAbortHandler)
	}
	return c.ResponseWriter.Write(p)
}

// No server at hand encrypts; that the headers are sent is what can be seen.
func TestTheKeyOfTheEncryptionIsSent(t *testing.T) {
	t.Parallel()
	server := stores.S3ForTest(t, "bucket")
	var sent atomic.Int32
	o := between(t, server, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Header.Get("X-Amz-Server-Side-Encryption") == "aws:kms" && r.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id") == "alias/k" {
			sent.Add(1)
		}
		pass.ServeHTTP(w, r)
	})
	o.KMSKeyID = "alias/k"
	b := open(t, "s3://bucket", o, false)
	if err := errors.Join(b.Create(t.Context(), "small", []byte("x")), b.Put(t.Context(), "large", severalParts, storetest.Opening(make([]byte, severalParts)))); err != nil {
		t.Fatal(err)
	}
	if sent.Load() != 2 { // the parts take what the upload began with
		t.Errorf("%d requests asked for encryption", sent.Load())
	}
}

func TestAServerWithoutChecksums(t *testing.T) {
	t.Parallel()
	server := stores.S3ForTest(t, "bucket")
	var checksums atomic.Int32
	o := between(t, server, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		for name := range r.Header {
			if strings.HasPrefix(name, "X-Amz-Checksum") || strings.HasPrefix(name, "X-Amz-Sdk-Checksum") || name == "X-Amz-Trailer" {
				checksums.Add(1)
			}
		}
		pass.ServeHTTP(w, r)
	})
	o.FewerChecksums = true
	b := open(t, "s3://bucket", o, false)
	for key, size := range map[string]int{"small": 100, "large": severalParts} {
		if err := b.Put(t.Context(), key, int64(size), storetest.Opening(make([]byte, size))); err != nil {
			t.Error(err)
		}
		wantObject(t, b, key, make([]byte, size))
	}
	if checksums.Load() > 0 {
		t.Errorf("%d checksums were sent", checksums.Load())
	}
}
