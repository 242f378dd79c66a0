package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/icarus-sidecar/icarus/hack/stores"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

// calls are all that can be asked of a bucket, by name.
func calls(ctx context.Context, b store.Bucket) map[string]func() error {
	return map[string]func() error{
		"Create":      func() error { return b.Create(ctx, "small", []byte("x")) },
		"a large Put": func() error { return b.Put(ctx, "large", severalParts, storetest.Opening(make([]byte, severalParts))) },
		"Replace":     func() error { return b.Replace(ctx, "replaced", []byte("x")) },
		"Stat":        func() error { _, err := b.Stat(ctx, "there"); return err },
		"Get": func() error {
			r, _, err := b.Get(ctx, "there", 0)
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, r)
			return errors.Join(err, r.Close())
		},
		"List": func() error {
			for _, err := range b.List(ctx, "") {
				if err != nil {
					return err
				}
			}
			return nil
		},
		"Delete":     func() error { return b.Delete(ctx, "there") },
		"DeleteMany": func() error { return b.DeleteMany(ctx, []string{"there", "other"}) },
	}
}

// answering answers every request so.
func answering(status int, header map[string]string, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

// No real server does these on demand; what they send is what the clouds document.
func TestEveryCallNamesWhatTheServerSays(t *testing.T) {
	t.Parallel()
	const page = "<html><body>Please log in to this network.</body></html>"
	var followed atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	t.Cleanup(elsewhere.Close)
	type answer struct {
		handler http.Handler
		want    error
	}
	for provider, answers := range map[store.Provider]map[string]answer{
		store.S3: {
			"an expired token":    {answering(400, nil, "<Error><Code>ExpiredToken</Code></Error>"), store.ErrDenied},
			"a clock that is off": {answering(403, nil, "<Error><Code>RequestTimeTooSkewed</Code></Error>"), store.ErrDenied},
			"no permission":       {answering(403, nil, "<Error><Code>AccessDenied</Code></Error>"), store.ErrDenied},
			"another region":      {answering(301, map[string]string{"Location": elsewhere.URL, "X-Amz-Bucket-Region": "eu-west-9"}, "<Error><Code>PermanentRedirect</Code></Error>"), store.ErrInvalid},
			"a redirect":          {answering(307, map[string]string{"Location": elsewhere.URL}, ""), store.ErrInvalid},
			"a proxy's page":      {answering(200, map[string]string{"Content-Type": "text/html"}, page), store.ErrTransient},
			"nothing":             {answering(200, nil, ""), store.ErrTransient},
			"a storm":             {answering(503, nil, "<Error><Code>SlowDown</Code></Error>"), store.ErrThrottled},
		},
		store.GCP: {
			"an expired token": {answering(401, nil, `{"error":{"message":"Invalid Credentials","errors":[{"reason":"authError"}]}}`), store.ErrDenied},
			"no permission":    {answering(403, nil, `{"error":{"message":"no","errors":[{"reason":"forbidden"}]}}`), store.ErrDenied},
			"a redirect":       {answering(302, map[string]string{"Location": elsewhere.URL}, ""), store.ErrInvalid},
			"a proxy's page":   {answering(200, map[string]string{"Content-Type": "text/html"}, page), store.ErrTransient},
			"nothing":          {answering(200, nil, ""), store.ErrTransient},
			"a storm":          {answering(429, nil, `{"error":{"message":"slow","errors":[{"reason":"rateLimitExceeded"}]}}`), store.ErrThrottled},
		},
		store.Azure: {
			"an expired token":    {answering(403, map[string]string{"x-ms-error-code": "AuthenticationFailed"}, ""), store.ErrDenied},
			"a clock that is off": {answering(403, map[string]string{"x-ms-error-code": "AuthenticationFailed"}, "<Error><AuthenticationErrorDetail>Request date header too old</AuthenticationErrorDetail></Error>"), store.ErrDenied},
			"no permission":       {answering(403, map[string]string{"x-ms-error-code": "AuthorizationPermissionMismatch"}, ""), store.ErrDenied},
			"a redirect":          {answering(307, map[string]string{"Location": elsewhere.URL}, ""), store.ErrInvalid},
			"a proxy's page":      {answering(200, map[string]string{"Content-Type": "text/html"}, page), store.ErrTransient},
			"nothing":             {answering(200, nil, ""), store.ErrTransient},
			"half a list":         {answering(200, nil, "<EnumerationResults><Blobs><Blob><Name>k"), store.ErrTransient},
			"a storm":             {answering(503, map[string]string{"x-ms-error-code": "ServerBusy"}, ""), store.ErrThrottled},
		},
	} {
		for name, a := range answers {
			t.Run(string(provider)+" answers with "+name, func(t *testing.T) {
				server := httptest.NewServer(a.handler)
				t.Cleanup(server.Close)
				b := open(t, string(provider)+"://bucket", at(provider, server.URL), false)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				for call, do := range calls(ctx, b) {
					err := do()
					// A HEAD says no more than its status, and a large Put begins with one.
					head := (call == "Stat" || call == "a large Put") && errors.Is(a.want, store.ErrThrottled) && errors.Is(err, store.ErrTransient)
					if !errors.Is(err, a.want) && !head || strings.Contains(fmt.Sprint(err), "hunter2") || strings.Contains(fmt.Sprint(err), "aHVudGVyMg") {
						t.Errorf("%s: %v", call, err)
					}
				}
			})
		}
	}
	if followed.Load() > 0 {
		t.Errorf("%d requests went where a redirect led", followed.Load())
	}
}

// at are the options of an account of any provider at a server.
func at(p store.Provider, endpoint string) store.Options {
	o := store.Options{Retry: quickly, Connections: 4}
	switch p {
	case store.GCP:
		o.GCS = store.GCSOptions{Endpoint: endpoint, Anonymous: true}
	case store.Azure:
		o.Azure = store.AzureOptions{Account: "a", Key: "aHVudGVyMg==", Endpoint: endpoint}
	default:
		o.Endpoint, o.PathStyle = endpoint, true
		o.Credentials = store.Credentials{AccessKeyID: "k", SecretAccessKey: "hunter2"}
	}
	return o
}

func TestAServerThatNeverAnswersIsLeftAtTheDeadline(t *testing.T) {
	t.Parallel()
	end := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-end:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() { close(end); server.Close() })
	for _, p := range []store.Provider{store.S3, store.GCP, store.Azure} {
		b := open(t, string(p)+"://bucket", at(p, server.URL), false)
		for call, do := range calls(soon(t), b) {
			if call == "a large Put" {
				continue // what it began it frees, for which it has a time of its own
			}
			if err := do(); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s, %s: %v", p, call, err)
			}
		}
	}
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestWhatOnlySomeMayDo(t *testing.T) {
	t.Parallel()
	server := stores.S3ForTest(t, "bucket")
	direct := open(t, "s3://bucket", s3Options(server), false)
	if err := direct.Create(t.Context(), "there", []byte("x")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		denied func(r *http.Request) bool
		fail   string // every call whose name begins so
	}{
		"list": {func(r *http.Request) bool { return r.URL.Query().Has("list-type") }, "List"},
		"delete": {func(r *http.Request) bool {
			return r.Method == http.MethodDelete && !r.URL.Query().Has("uploadId") || isDeletion(r)
		}, "Delete"},
		"begin": {func(r *http.Request) bool { return r.URL.Query().Has("uploads") }, "a large Put"},
		"parts": {func(r *http.Request) bool { return r.URL.Query().Has("partNumber") }, "a large Put"},
	} {
		o := between(t, server, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
			if c.denied(r) {
				_, _ = io.Copy(io.Discard, r.Body)
				answering(http.StatusForbidden, nil, "<Error><Code>AccessDenied</Code></Error>").ServeHTTP(w, r)
				return
			}
			pass.ServeHTTP(w, r)
		})
		b := open(t, "s3://bucket", o, false)
		for call, do := range calls(t.Context(), b) {
			if !strings.HasPrefix(call, c.fail) {
				continue
			}
			if err := do(); !errors.Is(err, store.ErrDenied) {
				t.Errorf("without %s, %s: %v", name, call, err)
			}
		}
	}
	wantNoUploads(t, server, "bucket")
	wantObject(t, direct, "there", []byte("x"))
}

func TestAnotherRegionAndAnotherTime(t *testing.T) {
	t.Parallel()
	server := stores.S3ForTest(t, "bucket")
	elsewhere := s3Options(server)
	elsewhere.Region = "eu-west-9"
	late := between(t, server, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		// As if our clock were an hour behind: the server looks at the time first.
		signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		if err != nil {
			t.Error(err)
		}
		r.Header.Set("X-Amz-Date", signed.Add(-time.Hour).Format("20060102T150405Z"))
		pass.ServeHTTP(w, r)
	})
	for name, c := range map[string]struct {
		o     store.Options
		wants []error
	}{"another region": {elsewhere, []error{store.ErrInvalid, store.ErrDenied}}, "a clock an hour behind": {late, []error{store.ErrDenied}}} {
		b := open(t, "s3://bucket", c.o, false)
		for call, do := range calls(t.Context(), b) {
			err := do()
			named := false
			for _, want := range c.wants {
				named = named || errors.Is(err, want)
			}
			if !named {
				t.Errorf("%s, %s: %v", name, call, err)
			}
		}
	}
	wantNoUploads(t, server, "bucket")
}

func TestABucketWithDotsInItsName(t *testing.T) {
	t.Parallel()
	const name = "my.own.bucket"
	server := stores.S3ForTest(t, name)
	b := open(t, "s3://"+name, s3Options(server), false)
	if err := b.Create(t.Context(), "k", []byte("x")); err != nil {
		t.Fatal(err)
	}
	wantObject(t, b, "k", []byte("x"))
}

func TestAWrongTagOfAPartIsNoSuccess(t *testing.T) {
	t.Parallel()
	server := stores.S3ForTest(t, "bucket")
	o := between(t, server, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		answer := httptest.NewRecorder()
		pass.ServeHTTP(answer, r)
		if r.URL.Query().Get("partNumber") == "2" {
			answer.Header().Set("ETag", `"00000000000000000000000000000000"`)
		}
		repeat(w, answer, answer.Body.Bytes())
	})
	err := open(t, "s3://bucket", o, false).Put(t.Context(), "k", severalParts, storetest.Opening(make([]byte, severalParts)))
	if !errors.Is(err, store.ErrInvalid) {
		t.Errorf("the error is %v", err)
	}
	wantNoUploads(t, server, "bucket")
	if _, err := open(t, "s3://bucket", s3Options(server), false).Stat(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it is there: %v", err)
	}
}

// repeat gives an answer of the server's another body.
func repeat(w http.ResponseWriter, answer *httptest.ResponseRecorder, body []byte) {
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(answer.Code)
	_, _ = w.Write(body)
}

// The server says 200, and sends half of it as if that were all.
func TestHalfAnAnswerIsNoAnswer(t *testing.T) {
	t.Parallel()
	server := stores.S3ForTest(t, "bucket")
	direct := open(t, "s3://bucket", s3Options(server), false)
	for i := range 20 {
		if err := direct.Create(t.Context(), fmt.Sprintf("k%02d", i), bytes.Repeat([]byte("0123456789"), 100)); err != nil {
			t.Fatal(err)
		}
	}
	o := between(t, server, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		answer := httptest.NewRecorder()
		pass.ServeHTTP(answer, r)
		repeat(w, answer, answer.Body.Bytes()[:answer.Body.Len()/2])
	})
	b := open(t, "s3://bucket", o, false)
	var last error
	for _, last = range b.List(t.Context(), "") {
	}
	if !errors.Is(last, store.ErrTransient) {
		t.Errorf("List: %v", last)
	}
	r, _, err := b.Get(t.Context(), "k00", 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = io.Copy(io.Discard, r); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("Get: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestAStormIsRiddenOut(t *testing.T) {
	t.Parallel()
	const workers, each = 16, 8
	server := stores.S3ForTest(t, "bucket")
	var requests atomic.Int32
	o := between(t, server, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if requests.Add(1)%3 != 0 { // two of three are turned away
			_, _ = io.Copy(io.Discard, r.Body)
			answering(http.StatusServiceUnavailable, nil, "<Error><Code>SlowDown</Code></Error>").ServeHTTP(w, r)
			return
		}
		pass.ServeHTTP(w, r)
	})
	o.Retry = store.Retry{MaxAttempts: 100, Interval: time.Millisecond}
	b := open(t, "s3://bucket", o, false)
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			for i := range each {
				key := fmt.Sprintf("%d/%d", worker, i)
				if err := b.Create(t.Context(), key, []byte(key)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	n := 0
	for o, err := range b.List(t.Context(), "") {
		if err != nil || o.Size != int64(len(o.Key)) {
			t.Errorf("%+v: %v", o, err)
		}
		n++
	}
	if n != workers*each {
		t.Errorf("%d objects", n)
	}
}

// One request an object, and one a page of a thousand keys: counted at the server.
func TestRequestsAreFew(t *testing.T) {
	t.Parallel()
	const objects = 1001
	var count atomic.Int32
	through := func(endpoint string) string {
		return proxied(t, endpoint, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
			count.Add(1)
			pass.ServeHTTP(w, r)
		})
	}
	s3, gcs, azure := stores.S3ForTest(t, "bucket"), stores.GCSForTest(t, "bucket"), stores.AzureForTest(t, "bucket")
	counted := map[string]store.Options{"s3": s3Options(s3), "gcp": gcsOptions(gcs), "azure": azureOptions(azure)}
	for provider, o := range counted {
		count.Store(0)
		o.Endpoint, o.GCS.Endpoint = through(s3.Endpoint), through(gcs.Endpoint)
		o.Azure.Endpoint = through(azure.Endpoint) + "/" + stores.AzureAccount
		b := open(t, provider+"://bucket", o, false)
		storetest.Fill(t, b, objects)
		if n := count.Swap(0); n != objects {
			t.Errorf("%s: %d requests for %d new objects", provider, n, objects)
		}
		listed := 0
		for _, err := range b.List(t.Context(), "") {
			if err != nil {
				t.Fatal(err)
			}
			listed++
		}
		if n := count.Load(); listed != objects || n > 2 {
			t.Errorf("%s: %d requests for a list of %d", provider, n, listed)
		}
	}
}
