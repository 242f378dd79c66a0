package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"sync"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// document is a manifest that is written to the bucket as it is made, since a
// large one would be most of what a backup needs of memory.
type document struct {
	m      *manifest.Manifest // without files
	files  map[manifest.TableName][]*file
	length int64
	sha256 [sha256.Size]byte
}

// smallDocument is one that the store compares when an answer got lost.
const smallDocument = 1 << 20

func newDocument(m *manifest.Manifest, files []*file) (*document, error) {
	d := &document{m: m, files: map[manifest.TableName][]*file{}}
	for _, f := range files {
		name := manifest.TableName{Keyspace: f.in.key.Keyspace, Table: f.in.key.Table}
		d.files[name] = append(d.files[name], f)
	}
	h := sha256.New()
	if err := d.write(writerFunc(func(p []byte) (int, error) {
		d.length += int64(len(p))
		return h.Write(p)
	})); err != nil {
		return nil, err
	}
	copy(d.sha256[:], h.Sum(nil))
	return d, nil
}

// write writes the same bytes whenever it is called.
func (d *document) write(w io.Writer) error {
	return d.m.WriteFrom(w, func(name manifest.TableName) map[string][]manifest.Entry {
		sstables := map[string][]manifest.Entry{}
		for _, f := range d.files[name] {
			sstables[f.base] = append(sstables[f.base], manifest.Entry{
				ObjectKey: f.object(), Type: manifest.File, Size: f.content.size, Hash: f.content.hash(),
			})
		}
		return sstables
	})
}

// create is ErrExists where a document is, or may be, another's.
func (d *document) create(ctx context.Context, b store.Bucket, key string) error {
	if d.length <= smallDocument {
		var body bytes.Buffer
		if err := d.write(&body); err != nil {
			return err
		}
		return b.Create(ctx, key, body.Bytes())
	}
	attempts := 0
	var writers sync.WaitGroup // what they write to is closed when Put is done
	err := b.Put(ctx, key, d.length, func() (io.ReadCloser, error) {
		attempts++
		r, w := io.Pipe()
		writers.Go(func() { w.CloseWithError(d.write(w)) })
		return r, nil
	})
	writers.Wait()
	if err == nil && attempts > 1 {
		// The store takes an object of this length for ours, and this one has to be.
		return store.ErrExists
	}
	return err
}

// is compares what is there with this one.
func (d *document) is(ctx context.Context, b store.Bucket, key string) (bool, error) {
	h := sha256.New()
	err := transfer.Stream(ctx, b, key, manifest.MaxBytes, func(r io.Reader, _ int64) error {
		_, err := transfer.Copy(ctx, h, r)
		return err
	})
	return err == nil && bytes.Equal(h.Sum(nil), d.sha256[:]), err
}

type writerFunc func(p []byte) (int, error)

// Write calls f.
func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
