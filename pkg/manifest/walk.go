package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/sstable"
)

// Walk reads a manifest, of ours or of any version of Esop, and shows every file
// of an SSTable in it. It holds what it shows to less than Decode does, as it sees
// one at a time: each key, size and hash is one, and that is all. If it fails,
// what it showed before is worth nothing; where the document and not the reader
// is to blame, the error wraps ErrCorrupt.
func Walk(r io.Reader, show func(k DataKey, e Entry)) error {
	source := &keepingError{r: r}
	dec := json.NewDecoder(source)
	w := walker{dec: dec, show: show}
	err := w.object(map[string]func() error{"snapshot": w.snapshot, "version": w.version})
	if err == nil {
		if _, end := dec.Token(); !errors.Is(end, io.EOF) {
			err = corrupt("something follows its end")
		}
	}
	switch {
	case err == nil:
		return nil
	case source.err != nil:
		err = source.err
	case !errors.Is(err, ErrCorrupt):
		err = fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return fmt.Errorf("reading a manifest: %w", err)
}

// keepingError tells a failure to read from a document that ends too early.
type keepingError struct {
	r   io.Reader
	err error
}

// Read reads.
func (k *keepingError) Read(p []byte) (int, error) {
	n, err := k.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		k.err = err
	}
	return n, err
}

type walker struct {
	dec  *json.Decoder
	show func(k DataKey, e Entry)
}

func (w walker) version() error {
	var version json.RawMessage
	if err := w.dec.Decode(&version); err != nil {
		return err
	}
	return checkVersion(version)
}

func (w walker) snapshot() error { return w.object(map[string]func() error{"keyspaces": w.keyspaces}) }

func (w walker) keyspaces() error {
	return w.each(func(string) error { return w.object(map[string]func() error{"tables": w.tables}) })
}

func (w walker) tables() error {
	return w.each(func(string) error {
		return w.object(map[string]func() error{
			"sstables": func() error { return w.each(func(base string) error { return w.entries(&base) }) },
			"entries":  func() error { return w.entries(nil) }, // all files in one list, before Esop 2.0
		})
	})
}

// entries shows a list: that of an SSTable, or of everything where base is nil.
func (w walker) entries(base *string) error {
	return w.inside('[', func() error {
		var e Entry
		if err := w.dec.Decode(&e); err != nil {
			return err
		}
		if base == nil && e.Type != File {
			return nil
		}
		e.Hash = strings.ToLower(e.Hash)
		k, err := e.DataKey()
		switch {
		case err != nil:
			return err
		case e.Type != File:
			return corrupt("%.300q has type %.100q among the files of an SSTable", e.ObjectKey, e.Type)
		case base != nil && !strings.Contains(k.File, *base+"-"):
			return corrupt("key %q is that of another SSTable than %.300q", e.ObjectKey, *base)
		}
		if _, ok := sstable.ParseName(path.Base(e.ObjectKey)); base == nil && !ok {
			return corrupt("key %.300q is not that of a file of an SSTable", e.ObjectKey)
		}
		if err := e.check(); err != nil {
			return err
		}
		w.show(k, e)
		return nil
	})
}

// object reads the fields that are known, and passes over the others.
func (w walker) object(fields map[string]func() error) error {
	return w.each(func(key string) error {
		for name, read := range fields {
			if strings.EqualFold(name, key) { // as encoding/json does
				return read()
			}
		}
		return w.dec.Decode(&json.RawMessage{})
	})
}

// each reads an object, and calls read for each of its values.
func (w walker) each(read func(key string) error) error {
	return w.inside('{', func() error {
		key, err := w.dec.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		return read(name)
	})
}

// inside reads an object or a list to its end; null is an empty one.
func (w walker) inside(bracket json.Delim, read func() error) error {
	first, err := w.dec.Token()
	switch {
	case err != nil:
		return err
	case first == nil:
		return nil
	case first != bracket:
		return corrupt("%.100q is in the place of %q", fmt.Sprint(first), bracket.String())
	}
	for w.dec.More() {
		if err := read(); err != nil {
			return err
		}
	}
	_, err = w.dec.Token()
	return err
}
