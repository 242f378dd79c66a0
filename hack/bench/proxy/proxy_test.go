package proxy_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/icarus-sidecar/icarus/hack/bench/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// begin is a proxy before a store that answers a body with the same.
func begin(t *testing.T) (*proxy.Proxy, *http.Client) {
	t.Helper()
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err == nil {
			_, err = w.Write(body)
		}
		if err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(store.Close)
	p, err := proxy.Start(t.Context(), store.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	return p, client
}

func ask(t *testing.T, p *proxy.Proxy, client *http.Client, body io.Reader) ([]byte, error) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+p.Address()+"/key", body)
	if err != nil {
		return nil, err
	}
	a, err := client.Do(q)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	return io.ReadAll(a.Body)
}

func TestBodiesPassUnchangedAndEachRequestCounts(t *testing.T) {
	t.Parallel()
	p, client := begin(t)
	sizes := []int{0, 1, 4 << 10, 16 << 10, 300 << 10, 3 << 20}
	var all sync.WaitGroup
	for _, size := range sizes {
		all.Go(func() {
			want := bytes.Repeat([]byte("x-y"), size/3+1)[:size]
			for range 3 { // on one connection, if it stays
				got, err := ask(t, p, client, bytes.NewReader(want))
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes came back as %d: %v", size, len(got), err)
				}
			}
		})
	}
	all.Wait()
	if got, want := p.Requests(), int64(3*len(sizes)); got != want {
		t.Errorf("%d requests were counted, not %d", got, want)
	}
}

func TestABodyOfUnknownLengthIsRefusedRatherThanCountedWrongly(t *testing.T) {
	t.Parallel()
	p, client := begin(t)
	// What is no known type of reader is sent in chunks.
	_, err := ask(t, p, client, io.MultiReader(strings.NewReader("chunks")))
	if err == nil {
		t.Error("it was answered")
	}
	if p.Requests() != 0 {
		t.Errorf("%d requests were counted", p.Requests())
	}
}

func TestAClosedProxyAnswersNobody(t *testing.T) {
	t.Parallel()
	p, client := begin(t)
	if _, err := ask(t, p, client, http.NoBody); err != nil {
		t.Fatal(err)
	}
	second, err := proxy.Start(t.Context(), p.Address())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ask(t, second, client, http.NoBody); err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(t, second, client, http.NoBody); err == nil {
		t.Error("after its end it answered")
	}
}
