package store_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/icarus-sidecar/icarus/hack/stores"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

func TestCheckBucketMakesOneOfGCSOnceAsked(t *testing.T) {
	t.Parallel()
	o := gcsOptions(stores.GCSForTest(t))
	l := store.Location{Provider: store.GS, Bucket: "fresh"}
	for _, step := range []struct {
		create bool
		want   error
	}{{false, store.ErrNoBucket}, {true, nil}, {true, nil}, {false, nil}} {
		if err := store.CheckBucket(t.Context(), l, o, step.create); !errors.Is(err, step.want) {
			t.Errorf("create %v: %v", step.create, err)
		}
	}
	b := open(t, "gs://nowhere", o, false)
	for name, err := range map[string]error{
		"Create": b.Create(t.Context(), "k", nil), "a large Put": b.Put(t.Context(), "k", severalParts, storetest.Opening(make([]byte, severalParts))),
	} {
		if !errors.Is(err, store.ErrNoBucket) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Google's client tries a chunk again for 32 s by itself, and abandons the upload
// of a context that has ended.
func TestAnUploadToGCSIsAbortedAfterACancel(t *testing.T) {
	t.Parallel()
	server := stores.GCSForTest(t, "bucket")
	var aborted atomic.Int32
	o := gcsOptions(server)
	o.GCS.Endpoint = proxied(t, server.Endpoint, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Method == http.MethodDelete && r.URL.Query().Has("upload_id") {
			aborted.Add(1)
		}
		pass.ServeHTTP(w, r)
	})
	b := open(t, "gcp://bucket", o, false)
	ctx, cancel := context.WithCancel(t.Context())
	err := b.Put(ctx, "k", severalParts, halfway(make([]byte, severalParts), cancel))
	if !errors.Is(err, context.Canceled) || aborted.Load() != 1 {
		t.Errorf("aborted %d times: %v", aborted.Load(), err)
	}
	if _, err := b.Stat(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it is there: %v", err)
	}
}

func TestFailuresOnTheWayToGCS(t *testing.T) {
	t.Parallel()
	isSmall := func(r *http.Request) bool { return r.URL.Query().Get("uploadType") == "multipart" }
	isChunk := func(r *http.Request) bool { return r.Method == http.MethodPut }
	isLast := func(r *http.Request) bool {
		return isChunk(r) && strings.HasSuffix(r.Header.Get("Content-Range"), "-20971519/20971520")
	}
	slowDown := func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"error":{"code":403,"message":"too fast","errors":[{"reason":"rateLimitExceeded"}]}}`)
	}
	lost := func(_ http.ResponseWriter, r *http.Request, pass http.Handler) { loseAnswer(r, pass) }
	broken := func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }
	gone := func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { w.WriteHeader(http.StatusGone) }
	server := stores.GCSForTest(t, "bucket")
	for name, c := range map[string]struct {
		size   int
		which  func(*http.Request) bool
		times  int32
		handle func(http.ResponseWriter, *http.Request, http.Handler)
		fails  error
	}{
		"a busy store":                         {100, isSmall, 3, slowDown, nil},
		"a store that stays busy":              {100, isSmall, 1000, slowDown, store.ErrThrottled},
		"the answer to a small object is lost": {100, isSmall, 1, lost, nil},
		"the answer to the last chunk is lost": {severalParts, isLast, 1, lost, nil},
		"some chunks are lost":                 {severalParts, isChunk, 3, broken, nil},
		"no chunk comes through":               {severalParts, isChunk, 1000, broken, store.ErrTransient},
		"the upload is gone":                   {severalParts, isChunk, 1, gone, nil},
	} {
		t.Run(name, func(t *testing.T) {
			key := strings.ReplaceAll(name, " ", "-")
			var calls atomic.Int32
			o := gcsOptions(server)
			o.Retry = quickly
			o.GCS.Endpoint = proxied(t, server.Endpoint, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
				if c.which(r) && calls.Add(1) <= c.times {
					c.handle(w, r, pass)
				} else {
					pass.ServeHTTP(w, r)
				}
			})
			body := bytes.Repeat([]byte("0123456789"), c.size/10)
			err := open(t, "gcp://bucket", o, false).Put(t.Context(), key, int64(len(body)), storetest.Opening(body))
			if !errors.Is(err, c.fails) || calls.Load() < min(c.times, 4) {
				t.Errorf("after %d calls: %v", calls.Load(), err)
			}
			if c.fails != nil && calls.Load() > 4 { // tried 4 times, and not 4 times 4
				t.Errorf("%d calls", calls.Load())
			}
			if direct := open(t, "gcp://bucket", gcsOptions(server), false); c.fails == nil {
				wantObject(t, direct, key, body)
			} else if _, err := direct.Stat(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("it is there: %v", err)
			}
		})
	}
}

// scripted is a GCS that takes an upload as the test says, which none at hand does.
func scripted(t *testing.T, chunk http.HandlerFunc, others http.HandlerFunc) store.Bucket {
	t.Helper()
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/session":
			chunk(w, r)
		case r.Method == http.MethodPost:
			w.Header().Set("Location", server.URL+"/session")
		case r.Method == http.MethodGet:
			w.WriteHeader(http.StatusNotFound)
		default:
			others(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return open(t, "gcp://bucket", store.Options{Retry: quickly, GCS: store.GCSOptions{Endpoint: server.URL, Anonymous: true}}, false)
}

func TestAChunkOfWhichAPartIsStoredGoesOnThere(t *testing.T) {
	t.Parallel()
	const stored = 256 << 10
	var ranges []string
	b := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		ranges = append(ranges, r.Header.Get("Content-Range"))
		_, _ = io.Copy(io.Discard, r.Body)
		switch len(ranges) {
		case 1:
			w.Header().Set("Range", "bytes=0-262143")
			w.WriteHeader(http.StatusPermanentRedirect)
		case 2:
			w.Header().Set("Range", "bytes=0-8388607")
			w.WriteHeader(http.StatusPermanentRedirect)
		default:
			_, _ = io.WriteString(w, `{"name":"k","size":"8388708","generation":"1"}`)
		}
	}, nil)
	const size = 8<<20 + 100
	if err := b.Put(t.Context(), "k", size, storetest.Opening(make([]byte, size))); err != nil {
		t.Fatal(err)
	}
	want := "bytes 0-8388607/8388708|bytes 262144-8388607/8388708|bytes 8388608-8388707/8388708"
	if got := strings.Join(ranges, "|"); got != want {
		t.Errorf("%s, and %d were stored first", got, stored)
	}
}

func TestAnObjectThatGCSGotWrongIsDeleted(t *testing.T) {
	t.Parallel()
	var deleted atomic.Int32
	b := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if strings.HasSuffix(r.Header.Get("Content-Range"), "-8388607/8388708") {
			w.Header().Set("Range", "bytes=0-8388607")
			w.WriteHeader(http.StatusPermanentRedirect)
			return
		}
		_, _ = io.WriteString(w, `{"name":"k","size":"8388708","generation":"7","crc32c":"AAAAAA=="}`)
	}, func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete && r.URL.Query().Get("ifGenerationMatch") == "7" {
			deleted.Add(1)
		}
	})
	const size = 8<<20 + 100
	err := b.Put(t.Context(), "k", size, storetest.Opening(bytes.Repeat([]byte{1}, size)))
	if !errors.Is(err, store.ErrTransient) || deleted.Load() != 4 {
		t.Errorf("deleted %d times: %v", deleted.Load(), err)
	}
}

func TestGCSIsAskedInTheNameOfAServiceAccount(t *testing.T) {
	t.Parallel()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	var answer atomic.Int32
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if status := int(answer.Load()); status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
		_, _ = io.WriteString(w, `{"access_token":"hunter2","token_type":"Bearer","expires_in":3600}`)
	}))
	t.Cleanup(tokens.Close)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer hunter2" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(server.Close)
	key, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "p", "client_email": "a@p", "token_uri": tokens.URL, "private_key_id": "1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})),
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		key    string
		status int
		want   error
	}{
		"a good key":              {string(key), http.StatusOK, nil},
		"a key that was revoked":  {string(key), http.StatusBadRequest, store.ErrDenied},
		"no tokens at the moment": {string(key), http.StatusServiceUnavailable, store.ErrTransient},
		"a key that is no JSON":   {"hunter2", http.StatusOK, store.ErrInvalid},
		"a key of no known type":  {`{"type":"hunter2"}`, http.StatusOK, store.ErrInvalid},
	} {
		answer.Store(int32(c.status))
		o := store.Options{Retry: store.Retry{MaxAttempts: 1}, GCS: store.GCSOptions{Endpoint: server.URL, Key: store.Secret(c.key)}}
		err := store.CheckBucket(t.Context(), store.Location{Provider: store.GCP, Bucket: "bucket"}, o, false)
		if !errors.Is(err, c.want) || err != nil && strings.Contains(err.Error(), "PRIVATE") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
