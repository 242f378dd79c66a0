package storetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/icarus-sidecar/icarus/pkg/store"
)

func put(ctx context.Context, b store.Bucket, key string, body []byte) error {
	return b.Put(ctx, key, int64(len(body)), Opening(body))
}

func mustPut(t *testing.T, b store.Bucket, key string, body []byte) {
	t.Helper()
	if err := put(t.Context(), b, key, body); err != nil {
		t.Fatal(err)
	}
}

func readAll(t *testing.T, r io.ReadCloser, about int) []byte {
	t.Helper()
	body := bytes.NewBuffer(make([]byte, 0, about+bytes.MinRead))
	if _, err := io.Copy(body, r); err != nil {
		t.Fatalf("reading: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatalf("closing: %v", err)
	}
	return body.Bytes()
}

func wantBody(t *testing.T, b store.Bucket, key string, want []byte) {
	t.Helper()
	r, o, err := b.Get(t.Context(), key, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, r, len(want)); !bytes.Equal(got, want) {
		t.Errorf("%s has %d bytes %.40q, not %d bytes %.40q", key, len(got), got, len(want), want)
	}
	if o.Size != int64(len(want)) {
		t.Errorf("%s has size %d", key, o.Size)
	}
}

func wantExists(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrExists) {
		t.Errorf("the key is taken, and the error %v", err)
	}
}

func wantNothing(t *testing.T, b store.Bucket) {
	t.Helper()
	if got := list(t, b, ""); len(got) > 0 {
		t.Errorf("the bucket holds %q", got)
	}
}

func list(t *testing.T, b store.Bucket, prefix string) []string {
	t.Helper()
	var keys []string
	for o, err := range b.List(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("listing %q: %v", prefix, err)
		}
		keys = append(keys, o.Key)
	}
	return keys
}
