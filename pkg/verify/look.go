package verify

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

const (
	// nothing is found where there is no object.
	nothing = "nothing"
	absent  = -1
)

// list compares with what the store lists, in several parts at once.
func (v *verifier) list(ctx context.Context) error {
	ids := make(map[string][]int32, len(v.plan.objects))
	sizes := make([]int64, len(v.plan.objects))
	for id, object := range v.plan.objects {
		ids[object.key] = append(ids[object.key], int32(id))
		sizes[id] = absent
	}
	parts := v.plan.parts()
	err := transfer.Each(ctx, len(parts), v.parallel(), func(ctx context.Context, i int) error {
		for o, err := range v.bucket.List(ctx, parts[i]) {
			if err != nil {
				return fmt.Errorf("listing %s: %w", parts[i], err)
			}
			for _, id := range ids[o.Key] { // a key is of one part, so that nobody else writes here
				sizes[id] = o.Size
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for id, size := range sizes {
		v.compare(int32(id), size)
	}
	return nil
}

// compare notes an object that has another size.
func (v *verifier) compare(id int32, size int64) {
	switch want := v.plan.objects[id].size; size {
	case want:
	case absent:
		v.note(id, Bad{Problem: Missing, Found: nothing})
	default:
		v.note(id, Bad{Problem: OtherSize, Expected: byteCount(want), Found: byteCount(size)})
	}
}

// note keeps what is bad about an object.
func (v *verifier) note(id int32, bad Bad) {
	object := v.plan.objects[id]
	bad.Key = object.key
	if bad.Expected == "" {
		bad.Expected = byteCount(object.size)
	}
	v.bad[id] = bad
}

func byteCount(n int64) string { return strconv.FormatInt(n, 10) + " bytes" }

// page is how many objects a store lists at a request.
const page = 1000

// parts are the prefixes to list: as few as that the requests are not many more
// than those of one listing, and as many as that they can be made at once.
func (p *plan) parts() []string {
	below := map[string]map[string]int{} // objects of each part of a prefix
	note := func(prefix, part string) {
		if below[prefix] == nil {
			below[prefix] = map[string]int{}
		}
		below[prefix][part]++
	}
	for _, object := range p.objects {
		const segments = 4 // data, keyspace, table, rest
		s := strings.SplitN(object.key, "/", segments)
		if len(s) == segments {
			keyspace := manifest.DataPrefix + s[1] + "/"
			note(manifest.DataPrefix, keyspace)
			note(keyspace, keyspace+s[2]+"/")
		}
	}
	var parts []string
	var split func(prefix string)
	split = func(prefix string) {
		objects := 0
		for _, n := range below[prefix] {
			objects += n
		}
		if len(below[prefix]) == 0 || objects < page*len(below[prefix]) {
			parts = append(parts, prefix)
			return
		}
		for part := range below[prefix] {
			split(part)
		}
	}
	if len(p.objects) > 0 {
		split(manifest.DataPrefix)
	}
	return parts
}

// left are the objects that are not bad so far.
func (v *verifier) left() []int32 {
	var ids []int32
	for id := range v.plan.objects {
		if _, bad := v.bad[int32(id)]; !bad {
			ids = append(ids, int32(id))
		}
	}
	return ids
}

// ask asks of each object by itself.
func (v *verifier) ask(ctx context.Context) error {
	ids := v.left()
	answers := make([]error, len(ids))
	sizes := make([]int64, len(ids))
	err := transfer.Each(ctx, len(ids), v.parallel(), func(ctx context.Context, i int) error {
		key := v.plan.objects[ids[i]].key
		o, err := v.bucket.Stat(ctx, key)
		sizes[i] = o.Size
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDenied) {
			answers[i] = err
			return nil
		}
		if err != nil {
			return fmt.Errorf("looking for %s: %w", key, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, id := range ids {
		if answers[i] != nil {
			v.judge(id, answers[i])
			continue
		}
		v.compare(id, sizes[i])
	}
	return nil
}

// read reads every object.
func (v *verifier) read(ctx context.Context) error {
	ids := v.left()
	items := make([]transfer.Incoming, 0, len(ids))
	for _, id := range ids {
		object := v.plan.objects[id]
		items = append(items, transfer.Incoming{Key: object.key, Size: object.size, Hash: object.hash})
	}
	wrong, err := transfer.Examine(ctx, v.bucket, items, transfer.Options{
		Parallel: v.Parallel, Limits: v.Limits, Stall: transfer.DefaultStall, Report: v.Report, Clock: v.Clock,
	})
	if err != nil {
		return err
	}
	for i, id := range ids {
		v.judge(id, wrong[i])
	}
	return nil
}

// judge notes what is wrong with an object, if anything is.
func (v *verifier) judge(id int32, wrong error) {
	var mismatch *transfer.MismatchError
	switch {
	case wrong == nil:
	case errors.Is(wrong, store.ErrNotFound):
		v.compare(id, absent)
	case errors.As(wrong, &mismatch) && mismatch.Hash:
		v.note(id, Bad{Problem: OtherHash, Expected: mismatch.Expected, Found: mismatch.Found})
	case errors.As(wrong, &mismatch):
		v.note(id, Bad{Problem: OtherSize, Expected: mismatch.Expected + " bytes", Found: mismatch.Found + " bytes"})
	default:
		v.note(id, Bad{Problem: Unreadable, Found: wrong.Error()})
	}
}
