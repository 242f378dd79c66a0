package store_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/hack/stores"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

func isDeletion(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Query().Has("delete")
}

func TestAThousandKeysAreDeletedWithOneRequest(t *testing.T) {
	t.Parallel()
	server := stores.S3ForTest(t, "bucket")
	var all, digests atomic.Int32
	o := between(t, server, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if isDeletion(r) && r.Header.Get("Content-Md5") != "" { // older servers ask for it
			digests.Add(1)
		}
		all.Add(1)
		pass.ServeHTTP(w, r)
	})
	b := open(t, "s3://bucket", o, false)
	keys := storetest.Fill(t, open(t, "s3://bucket", s3Options(server), false), 1001)
	if err := b.DeleteMany(t.Context(), keys); err != nil {
		t.Fatal(err)
	}
	if all.Load() != 2 || digests.Load() != 1 { // the last one goes alone
		t.Errorf("%d requests, %d with a digest", all.Load(), digests.Load())
	}
}

func TestADeletionOfManyThatGoesWrong(t *testing.T) {
	t.Parallel()
	answer := func(status int, body string) func(http.ResponseWriter, *http.Request, http.Handler) {
		return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	keyed := func(code string) string {
		return "<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b</Key><Code>" + code + "</Code></Error><Deleted><Key>c</Key></Deleted></DeleteResult>"
	}
	server := stores.S3ForTest(t)
	for name, c := range map[string]struct {
		times  int32 // how many requests are answered so
		handle func(http.ResponseWriter, *http.Request, http.Handler)
		failed []string
		want   error
		left   []string // in the bucket; the answers of the proxy delete nothing
	}{
		"a server that knows it not":         {1000, answer(http.StatusNotImplemented, "<Error><Code>NotImplemented</Code></Error>"), nil, nil, nil},
		"a server that knows not the method": {1000, answer(http.StatusMethodNotAllowed, ""), nil, nil, nil},
		"a server that is busy for a while":  {3, answer(http.StatusServiceUnavailable, "<Error><Code>SlowDown</Code></Error>"), nil, nil, nil},
		"one key is busy for a while":        {1, answer(http.StatusOK, keyed("SlowDown")), nil, nil, []string{"a", "c"}},
		"two keys stay busy": {
			1000, answer(http.StatusOK, "<DeleteResult><Error><Key>b</Key><Code>SlowDown</Code></Error><Error><Key>c</Key><Code>InternalError</Code></Error><Deleted><Key>a</Key></Deleted></DeleteResult>"),
			[]string{"b", "c"},
			store.ErrThrottled,
			[]string{"a", "b", "c"},
		},
		"one key is denied":                     {1, answer(http.StatusOK, keyed("AccessDenied")), []string{"b"}, store.ErrDenied, []string{"a", "b", "c"}},
		"one key fails in a way nobody knows":   {1, answer(http.StatusOK, keyed("Whatever")), []string{"b"}, store.ErrInvalid, []string{"a", "b", "c"}},
		"one key is free already":               {1, answer(http.StatusOK, keyed("NoSuchKey")), nil, nil, []string{"a", "b", "c"}},
		"all are denied":                        {1, answer(http.StatusForbidden, "<Error><Code>AccessDenied</Code></Error>"), []string{"a", "b", "c"}, store.ErrDenied, []string{"a", "b", "c"}},
		"an answer without a word":              {1, answer(http.StatusOK, ""), nil, nil, nil},
		"nothing but answers without a word":    {1000, answer(http.StatusOK, ""), []string{"a", "b", "c"}, store.ErrTransient, []string{"a", "b", "c"}},
		"an answer that breaks off":             {1, answer(http.StatusOK, keyed("x")[:40]), nil, nil, nil},
		"an answer that got lost":               {1, func(_ http.ResponseWriter, r *http.Request, pass http.Handler) { loseAnswer(r, pass) }, nil, nil, nil},
		"the connection breaks again and again": {1000, func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }, []string{"a", "b", "c"}, store.ErrTransient, []string{"a", "b", "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			bucket := strings.ReplaceAll(name, " ", "-")
			if err := server.CreateBucket(t.Context(), bucket); err != nil {
				t.Fatal(err)
			}
			var calls atomic.Int32
			o := between(t, server, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
				if isDeletion(r) && calls.Add(1) <= c.times {
					c.handle(w, r, pass)
				} else {
					pass.ServeHTTP(w, r)
				}
			})
			b := open(t, "s3://"+bucket, o, false)
			keys := []string{"a", "b", "c"}
			for _, key := range keys {
				if err := b.Create(t.Context(), key, nil); err != nil {
					t.Fatal(err)
				}
			}
			err := b.DeleteMany(t.Context(), keys)
			var some *store.DeleteError
			if errors.As(err, &some); !errors.Is(err, c.want) || (err == nil) != (some == nil) {
				t.Fatalf("the error is %v", err)
			}
			var failed []string
			if some != nil {
				failed = slices.Sorted(maps.Keys(some.Failed))
			}
			if diff := cmp.Diff(c.failed, failed); diff != "" {
				t.Errorf("the failed keys (-want +got):\n%s", diff)
			}
			var left []string
			for o, err := range b.List(t.Context(), "") {
				if err != nil {
					t.Fatal(err)
				}
				left = append(left, o.Key)
			}
			if diff := cmp.Diff(c.left, left); diff != "" {
				t.Errorf("what is left (-want +got):\n%s", diff)
			}
			if calls.Load() > int32(quickly.MaxAttempts) {
				t.Errorf("%d requests", calls.Load())
			}
		})
	}
}

func TestAKeyThatOnlyAnAnswerNamesIsNotDeleted(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || strings.Contains(string(body), "other") {
			t.Errorf("the request is %s, %v", body, err)
		}
		_, _ = io.WriteString(w, "<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>other</Key><Code>SlowDown</Code></Error></DeleteResult>")
	}))
	t.Cleanup(server.Close)
	err := open(t, "s3://bucket", at(store.S3, server.URL), false).DeleteMany(t.Context(), []string{"a", "b"})
	var failed *store.DeleteError
	if !errors.As(err, &failed) || !slices.Equal(slices.Sorted(maps.Keys(failed.Failed)), []string{"a", "b"}) || !errors.Is(err, store.ErrTransient) {
		t.Errorf("the error is %v", err)
	}
}

func TestOnlyWhatFailedIsDeletedAgain(t *testing.T) {
	t.Parallel()
	f := storetest.NewFaulty(storetest.NewMemory())
	var tried []string
	b := store.Retrying(f, quickly, clock.RealClock{})
	if err := errors.Join(b.Create(t.Context(), "a", nil), b.Create(t.Context(), "b", nil), b.Create(t.Context(), "c", nil)); err != nil {
		t.Fatal(err)
	}
	f.Before = func(_ context.Context, _ storetest.Op, key string) error {
		tried = append(tried, key)
		switch {
		case key == "b" && len(tried) <= 3:
			return store.ErrTransient
		case key == "c":
			return store.ErrDenied
		}
		return nil
	}
	err := b.DeleteMany(t.Context(), []string{"a", "b", "c"})
	var failed *store.DeleteError
	if !errors.As(err, &failed) || len(failed.Failed) != 1 || !errors.Is(failed.Failed["c"], store.ErrDenied) {
		t.Errorf("the error is %v", err)
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "b"}, tried); diff != "" {
		t.Errorf("what was tried (-want +got):\n%s", diff)
	}
}

// BenchmarkDeleteMany tells objects/s; a store is asked for 5,000.
func BenchmarkDeleteMany(b *testing.B) {
	const objects = 5000
	for name, opening := range map[string]func(b *testing.B) store.Bucket{
		"of S3": func(b *testing.B) store.Bucket {
			b.Helper()
			return open(b, "s3://bucket", s3Options(stores.S3ForTest(b, "bucket")), false)
		},
		"of files": func(b *testing.B) store.Bucket {
			b.Helper()
			return open(b, "file://"+b.TempDir()+"/bucket/cluster/dc/node", store.Options{}, true)
		},
	} {
		b.Run(name, func(b *testing.B) {
			bucket := opening(b)
			for range b.N {
				b.StopTimer()
				keys := storetest.Fill(b, bucket, objects)
				b.StartTimer()
				if err := bucket.DeleteMany(b.Context(), keys); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(objects*float64(b.N)/b.Elapsed().Seconds(), "objects/s")
		})
	}
}

func TestWhatAProviderCanIsWhatItDoes(t *testing.T) {
	t.Parallel()
	for provider, atOnce := range map[store.Provider]int{store.S3: 1000, store.GCP: 100, store.Azure: 256, store.File: 1} {
		can := provider.Capabilities()
		if can.DeletedAtOnce != atOnce || can.CreateIfAbsent == "" || (can.Checksum == "") != (provider == store.File) {
			t.Errorf("%s: %+v", provider, can)
		}
	}
}
