package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gocql/gocql"
)

// pageSize is how many rows are read at a time.
const pageSize = 500

// Print tells what a table holds.
type Print struct {
	Rows int64
	// Sum is the sum of the rows' digests, over all columns as the database
	// encodes them. How long a cell has to live is not among them.
	Sum uint64
}

// Prints are the prints of tables by keyspace.table, and of secondary indexes by
// keyspace.table[index]: their rows are those that the index finds.
type Prints map[string]Print

// Fingerprint reads every table of the keyspaces, and every product through its
// index, at consistency ALL: so that all replicas must answer.
func Fingerprint(ctx context.Context, session *gocql.Session, keyspaces ...string) (Prints, error) {
	prints := Prints{}
	for _, keyspace := range keyspaces {
		tables, err := tablesOf(ctx, session, keyspace)
		if err != nil {
			return nil, err
		}
		for _, table := range tables {
			p := Print{}
			err := p.read(ctx, session, fmt.Sprintf(`SELECT * FROM %s."%s"`, keyspace, table))
			if err != nil {
				return nil, fmt.Errorf("reading %s.%s: %w", keyspace, table, err)
			}
			prints[keyspace+"."+table] = p
		}
		if slices.Contains(tables, "products") && strings.HasSuffix(keyspace, "_shop") {
			p, err := throughIndex(ctx, session, keyspace)
			if err != nil {
				return nil, err
			}
			prints[keyspace+".products[products_by_category]"] = p
		}
	}
	return prints, nil
}

// throughIndex finds the products of each category, which only the index can.
func throughIndex(ctx context.Context, session *gocql.Session, keyspace string) (Print, error) {
	p := Print{}
	for c := range categories {
		err := p.read(ctx, session, "SELECT * FROM "+keyspace+".products WHERE category = ?", category(c))
		if err != nil {
			return p, fmt.Errorf("reading %s.products by category: %w", keyspace, err)
		}
	}
	return p, nil
}

func tablesOf(ctx context.Context, session *gocql.Session, keyspace string) ([]string, error) {
	rows := session.Query("SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?", keyspace).WithContext(ctx).Iter().Scanner()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("listing the tables of %s: %w", keyspace, err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("listing the tables of %s: %w", keyspace, err)
	}
	return names, nil
}

// read adds the rows of a query.
func (p *Print) read(ctx context.Context, session *gocql.Session, query string, values ...any) error {
	iter := session.Query(query, values...).WithContext(ctx).Consistency(gocql.All).PageSize(pageSize).Iter()
	cells := make([]cell, len(iter.Columns()))
	into := make([]any, len(cells))
	for i := range cells {
		into[i] = &cells[i]
	}
	for iter.Scan(into...) {
		p.add(cells)
	}
	return iter.Close()
}

// add adds a row.
func (p *Print) add(row []cell) {
	h := sha256.New()
	for _, c := range row {
		size := int64(-1) // no value is not an empty one
		if c != nil {
			size = int64(len(c))
		}
		_ = binary.Write(h, binary.BigEndian, size) // a digest takes all
		h.Write(c)
	}
	p.Rows++
	p.Sum += binary.BigEndian.Uint64(h.Sum(nil)) // addition: no order, and doubles count
}

// cell is a value as the database encodes it.
type cell []byte

// UnmarshalCQL keeps the encoded value.
func (c *cell) UnmarshalCQL(_ gocql.TypeInfo, data []byte) error {
	*c = slices.Clone(data)
	return nil
}

// Difference is a table that is not what it was.
type Difference struct {
	Table string
	// Before and After are nil where the table was not there.
	Before, After *Print
}

// String tells what changed.
func (d Difference) String() string {
	switch {
	case d.Before == nil:
		return fmt.Sprintf("%s: was not there, now has %d rows", d.Table, d.After.Rows)
	case d.After == nil:
		return fmt.Sprintf("%s: had %d rows, is not there", d.Table, d.Before.Rows)
	case d.Before.Rows != d.After.Rows:
		return fmt.Sprintf("%s: had %d rows, has %d", d.Table, d.Before.Rows, d.After.Rows)
	default:
		return fmt.Sprintf("%s: has its %d rows, with other values", d.Table, d.Before.Rows)
	}
}

// Compare lists the tables that differ, by name.
func Compare(before, after Prints) []Difference {
	all := maps.Clone(before)
	maps.Copy(all, after)
	var list []Difference
	for _, table := range slices.Sorted(maps.Keys(all)) {
		b, was := before[table]
		a, is := after[table]
		if was && is && a == b {
			continue
		}
		d := Difference{Table: table}
		if was {
			d.Before = &b
		}
		if is {
			d.After = &a
		}
		list = append(list, d)
	}
	return list
}
