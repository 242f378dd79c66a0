package manifest

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Write writes a manifest: indented, everything sorted, and its Size computed. It
// refuses what Decode would, after it may have written a part.
func (m *Manifest) Write(w io.Writer) error {
	return m.WriteFrom(w, func(name TableName) map[string][]Entry {
		return m.Snapshot.Keyspaces[name.Keyspace].Tables[name.Table].SSTables
	})
}

// WriteFrom is Write with SSTables that come from elsewhere, for one table after
// the other: those of a hundred thousand files take tens of megabytes, which
// nobody needs at once.
func (m *Manifest) WriteFrom(w io.Writer, sstables func(name TableName) map[string][]Entry) error {
	err := m.checkNames()
	if err == nil {
		p := newPrinter(w)
		p.sstables = sstables
		p.manifest(m)
		err = p.finish()
	}
	if err != nil {
		return fmt.Errorf("writing manifest %.300q: %w", m.Snapshot.Name, err)
	}
	return nil
}

func (p *printer) manifest(m *Manifest) {
	p.begin("{")
	p.key("snapshot")
	p.begin("{")
	p.field("name", m.Snapshot.Name)
	p.key("keyspaces")
	p.begin("{")
	for _, keyspace := range slices.Sorted(maps.Keys(m.Snapshot.Keyspaces)) {
		p.key(keyspace)
		p.begin("{")
		p.key("tables")
		p.tables(keyspace, m.Snapshot.Keyspaces[keyspace].Tables)
		p.end("}")
	}
	p.end("}")
	p.end("}")
	p.key("tokens")
	p.begin("[")
	for _, token := range slices.Sorted(slices.Values(m.Tokens)) {
		p.next()
		p.value(token)
	}
	p.end("]")
	p.optional("schemaVersion", m.SchemaVersion)
	p.field("size", p.bytes)
	p.end("}")
}

func (p *printer) tables(keyspace string, tables map[string]Table) {
	p.begin("{")
	for _, table := range slices.Sorted(maps.Keys(tables)) {
		name, t := TableName{keyspace, table}, tables[table]
		t.SSTables = p.sstables(name)
		if err := t.check(name, &p.bytes); err != nil && p.err == nil {
			p.err = fmt.Errorf("table %.500q: %w", name, err)
		}
		if p.err != nil {
			return
		}
		p.key(table)
		p.begin("{")
		p.key("sstables")
		p.begin("{")
		for _, base := range slices.Sorted(maps.Keys(t.SSTables)) {
			p.key(base)
			p.entries(t.SSTables[base])
		}
		p.end("}")
		p.optional("id", t.ID)
		p.optional("schemaContent", t.SchemaContent)
		p.end("}")
	}
	p.end("}")
}

func (p *printer) entries(list []Entry) {
	p.begin("[")
	for _, e := range slices.SortedFunc(slices.Values(list), func(a, b Entry) int { return cmp.Compare(a.ObjectKey, b.ObjectKey) }) {
		p.next()
		p.begin("{")
		p.field("objectKey", e.ObjectKey)
		p.field("type", e.Type)
		p.field("size", e.Size)
		p.optional("hash", e.Hash)
		p.end("}")
	}
	p.end("]")
}

// printer writes JSON as encoding/json indents it. Its first error is its last
// word.
type printer struct {
	w *bufio.Writer
	// counts are how many values the open objects and lists have so far.
	counts []int
	scrap  bytes.Buffer
	values *json.Encoder // into scrap
	// sstables are those of a table, and bytes is the size of those so far.
	sstables func(name TableName) map[string][]Entry
	bytes    int64
	err      error
}

func newPrinter(w io.Writer) *printer {
	const some = 64 << 10
	p := &printer{w: bufio.NewWriterSize(w, some)}
	p.values = json.NewEncoder(&p.scrap)
	p.values.SetEscapeHTML(false) // CQL is easier to read with its own < and >
	return p
}

func (p *printer) finish() error {
	p.text("\n")
	if p.err != nil {
		return p.err
	}
	return p.w.Flush()
}

func (p *printer) text(s string) {
	if p.err == nil {
		_, p.err = p.w.WriteString(s)
	}
}

func (p *printer) begin(bracket string) {
	p.text(bracket)
	p.counts = append(p.counts, 0)
}

func (p *printer) end(bracket string) {
	last := len(p.counts) - 1
	some := p.counts[last] > 0
	p.counts = p.counts[:last]
	if some {
		p.line()
	}
	p.text(bracket)
}

// next begins a value of a list, or a key of an object.
func (p *printer) next() {
	last := len(p.counts) - 1
	if p.counts[last] > 0 {
		p.text(",")
	}
	p.counts[last]++
	p.line()
}

func (p *printer) line() {
	const deepest = "                    "
	p.text("\n")
	p.text(deepest[:2*len(p.counts)])
}

func (p *printer) key(name string) {
	p.next()
	p.value(name)
	p.text(": ")
}

func (p *printer) field(name string, v any) {
	p.key(name)
	p.value(v)
}

// optional leaves out what is empty.
func (p *printer) optional(name, v string) {
	if v != "" {
		p.field(name, v)
	}
}

func (p *printer) value(v any) {
	p.scrap.Reset()
	if err := p.values.Encode(v); err != nil && p.err == nil {
		p.err = err
	}
	p.text(strings.TrimSuffix(p.scrap.String(), "\n"))
}
