package backup

import (
	"fmt"

	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// plan finds for every file the object that it already is, and returns the
// others. A file whose hash is not known yet is one of which neither a manifest
// nor the bucket has anything.
func (j *job) plan(files []*file) (pending []*file, err error) {
	for _, f := range files {
		if dir, ok := j.reusable(f); ok {
			f.place = dir
			continue
		}
		if f.hashed && len(f.places()) == 0 {
			return nil, fmt.Errorf("finding a key for %s: %w: %s and %s have other content", f.path(),
				store.ErrExists, f.key(f.dir), f.key(f.distinct()))
		}
		pending = append(pending, f)
	}
	return pending, nil
}

// outgoing is a file with the places where it may go.
func (f *file) outgoing() transfer.Outgoing {
	item := transfer.Outgoing{Path: f.path(), Size: f.content.size}
	if f.hashed {
		item.SHA256, item.Places = f.content.hash(), f.places()
		return item
	}
	item.Places = []transfer.Place{{Key: f.key(f.dir).String()}}
	item.Further = func(sha256 string) transfer.Place {
		return transfer.Place{Key: f.key(f.dir).Distinct(sha256).String()}
	}
	return item
}

// reusable is a committed object that is this very file, if the bucket still
// shows it or does not have to.
func (j *job) reusable(f *file) (dir string, ok bool) {
	if !f.hashed {
		return "", false
	}
	for _, claim := range f.claims {
		if claim.content != f.content {
			continue
		}
		size, there := f.look(claim.dir)
		if j.Dedup == DedupManifest || there && size == f.content.size {
			return claim.dir, true
		}
	}
	return "", false
}

// places are the keys that a file may get. One whose object is known to have
// other content is none of them.
func (f *file) places() []transfer.Place {
	var places []transfer.Place
	for _, dir := range []string{f.dir, f.distinct()} {
		size, there := f.look(dir)
		vouched, known := f.vouched(dir)
		switch {
		case !there:
			// Free. If a manifest names it with this content it is put back for
			// that backup, too; with other content, that one could never be
			// restored again.
			if !known || vouched == f.content {
				places = append(places, transfer.Place{Key: f.key(dir).String()})
			}
		case size == f.content.size && (!known || vouched == f.content):
			places = append(places, transfer.Place{Key: f.key(dir).String(), Taken: true})
		}
	}
	return places
}
