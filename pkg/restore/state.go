package restore

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
)

// step is how far the import of a table is.
type step string

const (
	// stepLinking: files are being put into the table's directories.
	stepLinking step = "linking"
	// stepLoading: they are all there, and Cassandra was, or will be, asked to
	// take them up. From here on Cassandra renames and rewrites them.
	stepLoading step = "loading"
	stepDone    step = "done"
)

// state is what is kept of the import of a table, so that it can go on after a crash.
type state struct {
	// ID is that of the request.
	ID   string `json:"id"`
	Step step   `json:"step,omitempty"`
	// Links are those that were made, or were about to be.
	Links []link `json:"links,omitempty"`
	// Truncations are the snapshots that this restore's truncation has made.
	Truncations []string `json:"truncations,omitempty"`
}

// link is an SSTable in a directory of its table.
type link struct {
	// SSTable is the base of its names among the downloads, and As the one in Dir.
	SSTable string `json:"sstable"`
	Dir     string `json:"dir"`
	As      string `json:"as"`
}

func stateFile(target string) string { return path.Join(".imports", target+".json") }

// state reads the state of a table; it is empty where there is none.
func (p *place) state(target string) (state, error) {
	var st state
	if err := p.read(stateFile(target), &st); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return state{}, err
	}
	for _, l := range st.Links {
		if !isFileName(l.As) {
			return state{}, fmt.Errorf("%w: %s links to %q", ErrInvalid, stateFile(target), l.As)
		}
	}
	return st, nil
}

func (p *place) keep(target string, st state) error { return p.write(stateFile(target), st) }
