package store_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/icarus-sidecar/icarus/hack/stores"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

// uncommitted is how many blocks of a key Azure keeps that are in no object.
func uncommitted(t *testing.T, server *stores.Azure, container, key string) int {
	t.Helper()
	client, err := server.Client()
	if err != nil {
		t.Fatal(err)
	}
	list, err := client.ServiceClient().NewContainerClient(container).NewBlockBlobClient(key).GetBlockList(t.Context(), blockblob.BlockListTypeAll, nil)
	if bloberror.HasCode(err, bloberror.BlobNotFound) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	return len(list.UncommittedBlocks)
}

// gocloud.dev's azureblob ends the process here.
func TestBlocksDoNotStayAfterACancel(t *testing.T) {
	t.Parallel()
	server := stores.AzureForTest(t, "container")
	b := open(t, "azure://container", azureOptions(server), false)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	err := b.Put(ctx, "k", severalParts, halfway(make([]byte, severalParts), func() {
		for uncommitted(t, server, "container", "k") == 0 && ctx.Err() == nil { // the first is on its way
			runtime.Gosched()
		}
		cancel()
	}))
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if n := uncommitted(t, server, "container", "k"); n > 0 {
		t.Errorf("%d blocks stayed", n)
	}
	if _, err := b.Stat(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it is there: %v", err)
	}
}

func TestWhatDiscardMakesIsNoObject(t *testing.T) {
	t.Parallel()
	server := stores.AzureForTest(t, "container")
	client, err := server.Client()
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, "azure://container", azureOptions(server), false)
	// As if a process had died between the two requests.
	for _, key := range []string{"small", "large", "replaced", "deleted"} {
		blob := client.ServiceClient().NewContainerClient("container").NewBlockBlobClient(key)
		if _, err := blob.CommitBlockList(t.Context(), []string{}, &blockblob.CommitBlockListOptions{Metadata: map[string]*string{"icarus_discard": to.Ptr("1")}}); err != nil {
			t.Fatal(err)
		}
	}
	_, statErr := b.Stat(t.Context(), "small")
	_, _, getErr := b.Get(t.Context(), "small", 0)
	if !errors.Is(statErr, store.ErrNotFound) || !errors.Is(getErr, store.ErrNotFound) {
		t.Errorf("Stat: %v, Get: %v", statErr, getErr)
	}
	for o, err := range b.List(t.Context(), "") {
		t.Errorf("List: %v, %v", o, err)
	}
	for key, body := range map[string][]byte{"small": []byte("x"), "large": make([]byte, severalParts)} {
		if err := b.Put(t.Context(), key, int64(len(body)), storetest.Opening(body)); err != nil {
			t.Error(err)
		}
		wantObject(t, b, key, body)
	}
	if err := errors.Join(b.Replace(t.Context(), "replaced", []byte("x")), b.Delete(t.Context(), "deleted")); err != nil {
		t.Error(err)
	}
	wantObject(t, b, "replaced", []byte("x"))
}

func TestAKeyOfAzureThatIsTakenDuringTheUploadIsTaken(t *testing.T) {
	t.Parallel()
	server := stores.AzureForTest(t, "container")
	b := open(t, "azure://container", azureOptions(server), false)
	for key, size := range map[string]int{"small": 1000, "large": severalParts} {
		err := b.Put(t.Context(), key, int64(size), halfway(make([]byte, size), func() {
			// Azurite takes staged blocks for an object, which they are not, and would
			// refuse Create as soon as one is there.
			if err := b.Replace(t.Context(), key, []byte("theirs")); err != nil {
				t.Error(err)
			}
		}))
		if !errors.Is(err, store.ErrExists) {
			t.Errorf("%s: %v", key, err)
		}
		wantObject(t, b, key, []byte("theirs"))
	}
}

func TestWhatAzureRefuses(t *testing.T) {
	t.Parallel()
	server := stores.AzureForTest(t, "container")
	with := func(change func(a *store.AzureOptions)) store.Options {
		o := azureOptions(server)
		change(&o.Azure)
		return o
	}
	for name, c := range map[string]struct {
		container string
		o         store.Options
		want      error
	}{
		"a wrong key":       {"container", with(func(a *store.AzureOptions) { a.Key = "aHVudGVyMg==" }), store.ErrDenied},
		"a wrong signature": {"container", with(func(a *store.AzureOptions) { a.Key, a.SharedAccessSignature = "", "sv=2024-01-01&sig=hunter2" }), store.ErrDenied},
		"no container":      {"nowhere", azureOptions(server), store.ErrNoBucket},
		"a connection string": {"container", with(func(a *store.AzureOptions) {
			*a = store.AzureOptions{ConnectionString: store.Secret("AccountName=" + stores.AzureAccount + ";AccountKey=" + stores.AzureKey + ";BlobEndpoint=" + server.ServiceURL())}
		}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, "azure://"+c.container, c.o, false)
			for call, err := range map[string]error{
				"CheckBucket": store.CheckBucket(t.Context(), store.Location{Provider: store.Azure, Bucket: c.container}, c.o, false),
				"Create":      b.Create(t.Context(), "k", []byte("x")),
				"a large Put": b.Put(t.Context(), "l", severalParts, storetest.Opening(make([]byte, severalParts))),
			} {
				if !errors.Is(err, c.want) || err != nil && strings.Contains(err.Error(), "hunter2") {
					t.Errorf("%s: %v", call, err)
				}
			}
		})
	}
	for name, a := range map[string]store.AzureOptions{
		"no account": {}, "a key that is none": {Account: "a", Key: "hunter2!"}, "a connection string that is none": {ConnectionString: "hunter2"},
	} {
		_, err := store.Open(t.Context(), store.Location{Provider: store.Azure, Bucket: "container"}, store.Options{Azure: a})
		if !errors.Is(err, store.ErrInvalid) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckBucketMakesAContainerOnceAsked(t *testing.T) {
	t.Parallel()
	o := azureOptions(stores.AzureForTest(t))
	l := store.Location{Provider: store.Azure, Bucket: "fresh"}
	for _, step := range []struct {
		create bool
		want   error
	}{{false, store.ErrNoBucket}, {true, nil}, {true, nil}, {false, nil}} {
		if err := store.CheckBucket(t.Context(), l, o, step.create); !errors.Is(err, step.want) {
			t.Errorf("create %v: %v", step.create, err)
		}
	}
}

func TestFailuresOnTheWayToAzure(t *testing.T) {
	t.Parallel()
	isBlock := func(r *http.Request) bool { return r.URL.Query().Get("comp") == "block" }
	isCommit := func(r *http.Request) bool { return r.URL.Query().Get("comp") == "blocklist" }
	isSmall := func(r *http.Request) bool { return r.Method == http.MethodPut && r.URL.RawQuery == "" }
	busy := func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("x-ms-error-code", "ServerBusy")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	lost := func(_ http.ResponseWriter, r *http.Request, pass http.Handler) { loseAnswer(r, pass) }
	broken := func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }
	server := stores.AzureForTest(t, "container")
	for name, c := range map[string]struct {
		size   int
		which  func(*http.Request) bool
		times  int32
		handle func(http.ResponseWriter, *http.Request, http.Handler)
		fails  error
	}{
		"a busy store":                          {100, isSmall, 3, busy, nil},
		"a store that stays busy":               {100, isSmall, 1000, busy, store.ErrThrottled},
		"the answer to a small object is lost":  {100, isSmall, 1, lost, nil},
		"the answer to the commit is lost":      {severalParts, isCommit, 1, lost, nil},
		"the commit is lost":                    {severalParts, isCommit, 2, broken, nil},
		"some blocks are lost":                  {severalParts, isBlock, 3, broken, nil},
		"the answers to some blocks are lost":   {severalParts, isBlock, 3, lost, nil},
		"the commit does not come through soon": {severalParts, isCommit, 4, broken, store.ErrTransient},
	} {
		t.Run(name, func(t *testing.T) {
			key := strings.ReplaceAll(name, " ", "-")
			var calls atomic.Int32
			o := azureOptions(server)
			o.Retry = quickly
			o.Azure.Endpoint = proxied(t, server.Endpoint, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
				if c.which(r) && calls.Add(1) <= c.times {
					c.handle(w, r, pass)
				} else {
					pass.ServeHTTP(w, r)
				}
			}) + "/" + stores.AzureAccount
			body := bytes.Repeat([]byte("0123456789"), c.size/10)
			err := open(t, "azure://container", o, false).Put(t.Context(), key, int64(len(body)), storetest.Opening(body))
			if !errors.Is(err, c.fails) || calls.Load() < min(c.times, 4) {
				t.Errorf("after %d calls: %v", calls.Load(), err)
			}
			if direct := open(t, "azure://container", azureOptions(server), false); c.fails == nil {
				wantObject(t, direct, key, body)
			} else if _, err := direct.Stat(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("it is there: %v", err)
			}
			if n := uncommitted(t, server, "container", key); n > 0 {
				t.Errorf("%d blocks stayed", n)
			}
		})
	}
}

// Azurite knows no checksum of this kind; that the right one is sent can be seen.
func TestTheChecksumOfAzureIsSent(t *testing.T) {
	t.Parallel()
	server := stores.AzureForTest(t, "container")
	var got atomic.Value
	o := azureOptions(server)
	o.FewerChecksums, o.Retry = false, store.Retry{MaxAttempts: 1}
	o.Azure.Endpoint = proxied(t, server.Endpoint, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		got.Store(r.Header.Get("x-ms-content-crc64"))
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusCreated)
	}) + "/" + stores.AzureAccount
	if err := open(t, "azure://container", o, false).Create(t.Context(), "k", []byte("123456789")); err != nil {
		t.Fatal(err)
	}
	// The check value of CRC-64/NVME is AE8B14860A799888, and Azure's order of bytes the little end first.
	if got.Load() != "iJh5CoYUi64=" {
		t.Errorf("the checksum is %v", got.Load())
	}
}
