package backup

import (
	"fmt"

	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// plan finds for every file the object that it already is, and for the others
// the places where they may go. Listed are the sizes of objects in the bucket.
func plan(files []*file, h history, listed map[string]int64) (pending []*file, items []transfer.Outgoing, err error) {
	for _, f := range files {
		if f.place = reusable(f, h, listed); f.place != "" {
			continue
		}
		places := places(f, h, listed)
		if len(places) == 0 {
			return nil, nil, fmt.Errorf("finding a key for %s: %w: %s and %s have other content", f.path,
				store.ErrExists, f.key, f.key.Distinct(f.sha256))
		}
		pending = append(pending, f)
		items = append(items, transfer.Outgoing{Path: f.path, Size: f.size, SHA256: f.sha256, Places: places})
	}
	return pending, items, nil
}

// reusable is the key of a committed object that is this very file, if the
// bucket still shows it.
func reusable(f *file, h history, listed map[string]int64) string {
	for _, key := range h.keys[identify(f.key, f.content())] {
		if size, there := listed[key]; there && size == f.size {
			return key
		}
	}
	return ""
}

// places are the keys that a file may get. One whose object is known to have
// other content is none of them.
func places(f *file, h history, listed map[string]int64) []transfer.Place {
	var places []transfer.Place
	for _, key := range []string{f.key.String(), f.key.Distinct(f.sha256).String()} {
		size, there := listed[key]
		vouched, known := h.vouched[key]
		switch {
		case !there:
			// Free. If a manifest names it with this content it is put back for
			// that backup, too; with other content, that one could never be
			// restored again.
			if !known || vouched == f.content() {
				places = append(places, transfer.Place{Key: key})
			}
		case size == f.size && (!known || vouched == f.content()):
			places = append(places, transfer.Place{Key: key, Taken: true})
		}
	}
	return places
}
