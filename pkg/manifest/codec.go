package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/sstable"
)

// MaxBytes is the length of the longest manifest that is read. A file takes some
// 300 bytes, so that it is one of three million files.
const MaxBytes = 1 << 30

// Decode reads a manifest, of ours or of any version of Esop, and checks it as the
// package promises. An error wraps ErrCorrupt.
func Decode(body []byte) (*Manifest, error) {
	if len(body) > MaxBytes {
		return nil, fmt.Errorf("reading a manifest: %w", corrupt("it is longer than %d bytes", MaxBytes))
	}
	var read struct {
		Manifest
		// Version nobody writes yet. It is kept for the day on which the form changes,
		// so that programs of before that day do not misread what is written after it.
		Version json.RawMessage `json:"version"`
	}
	if err := json.Unmarshal(body, &read); err != nil {
		if !errors.Is(err, ErrCorrupt) {
			err = fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		return nil, fmt.Errorf("reading a manifest: %w", err)
	}
	if err := checkVersion(read.Version); err != nil {
		return nil, fmt.Errorf("reading a manifest: %w", err)
	}
	m := read.Manifest
	m.fill()
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("reading manifest %.300q: %w", m.Snapshot.Name, err)
	}
	return &m, nil
}

func checkVersion(version json.RawMessage) error {
	if len(version) > 0 && string(version) != "null" {
		return corrupt("it is of version %.100s, which is newer than this program", version)
	}
	return nil
}

// Encode is what Write writes.
func (m *Manifest) Encode() ([]byte, error) {
	var b bytes.Buffer
	if err := m.Write(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// fill puts the empty in the place of nil: other tools do not expect a null.
func (m *Manifest) fill() {
	if m.Tokens == nil {
		m.Tokens = []string{}
	}
	if m.Snapshot.Keyspaces == nil {
		m.Snapshot.Keyspaces = map[string]Keyspace{}
	}
	for keyspace, k := range m.Snapshot.Keyspaces {
		if k.Tables == nil {
			m.Snapshot.Keyspaces[keyspace] = Keyspace{Tables: map[string]Table{}}
		}
		for name, t := range k.Tables {
			if t.SSTables == nil {
				t.SSTables = map[string][]Entry{}
				k.Tables[name] = t
			}
		}
	}
}

// UnmarshalJSON reads the forms of all versions of Esop into that of today.
func (t *Table) UnmarshalJSON(body []byte) error {
	type today Table
	var read struct {
		today
		// Entries is the list of all files, before Esop 2.0.
		Entries []Entry `json:"entries"`
	}
	if err := json.Unmarshal(body, &read); err != nil {
		return err
	}
	if read.SSTables == nil && read.Entries == nil { // an empty table has an empty list
		return corrupt("a table lists neither sstables nor entries, which every version that is known here does")
	}
	*t = Table(read.today)
	for base, list := range t.SSTables {
		t.SSTables[base] = tidy(list)
	}
	return t.group(tidy(read.Entries))
}

// group puts the entries of one list under the names of their SSTables.
func (t *Table) group(entries []Entry) error {
	if len(entries) > 0 && t.SSTables == nil {
		t.SSTables = map[string][]Entry{}
	}
	for _, e := range entries {
		if e.Type != File {
			t.Others = append(t.Others, e)
			continue
		}
		name, ok := sstable.ParseName(path.Base(e.ObjectKey))
		if !ok {
			return corrupt("key %.300q is not that of a file of an SSTable", e.ObjectKey)
		}
		t.SSTables[name.Base] = append(t.SSTables[name.Base], e)
		if t.ID == "" {
			k, err := e.DataKey()
			if err != nil {
				return err
			}
			t.ID = k.TableID // check compares it with those of the others
		}
	}
	return nil
}

// tidy drops what is said twice in the same words, and writes digits in one case.
func tidy(list []Entry) []Entry {
	for i := range list {
		list[i].Hash = strings.ToLower(list[i].Hash)
	}
	seen := make(map[Entry]bool, len(list))
	return slices.DeleteFunc(list, func(e Entry) bool {
		twice := seen[e]
		seen[e] = true
		return twice
	})
}
