package rest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// TableName is a table and its keyspace.
type TableName struct {
	Keyspace, Table string
}

// String is "keyspace.table".
func (t TableName) String() string { return t.Keyspace + "." + t.Table }

// ParseTableName reads "keyspace.table".
func ParseTableName(s string) (TableName, error) {
	keyspace, table, ok := strings.Cut(s, ".")
	if !ok {
		return TableName{}, fmt.Errorf("%.300q is not of the form keyspace.table", s)
	}
	if err := errors.Join(ValidateName(keyspace), ValidateName(table)); err != nil {
		return TableName{}, err
	}
	return TableName{keyspace, table}, nil
}

// Entities are the keyspaces, or the tables, that a request is about. Neither
// means all.
type Entities struct {
	Keyspaces []string
	Tables    []TableName
}

// ParseEntities reads "ks1,ks2" or "ks1.t1,ks2.t2"; blanks part names as
// commas do, and "" is everything. The two forms do not mix.
func ParseEntities(s string) (Entities, error) {
	var e Entities
	words := strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' || r == '\r' })
	slices.Sort(words)
	for _, word := range slices.Compact(words) {
		if !strings.Contains(word, ".") {
			if err := ValidateName(word); err != nil {
				return Entities{}, err
			}
			e.Keyspaces = append(e.Keyspaces, word)
			continue
		}
		table, err := ParseTableName(word)
		if err != nil {
			return Entities{}, err
		}
		e.Tables = append(e.Tables, table)
	}
	if len(e.Keyspaces) > 0 && len(e.Tables) > 0 {
		return Entities{}, errors.New(`keyspaces and tables are mixed: write either "ks1,ks2" or "ks1.t1,ks2.t2"`)
	}
	return e, nil
}

// IsEmpty reports whether nothing is named, which means everything.
func (e Entities) IsEmpty() bool { return len(e.Keyspaces) == 0 && len(e.Tables) == 0 }

// Includes reports whether the entities name a table or its keyspace. Empty
// entities include every table.
func (e Entities) Includes(keyspace, table string) bool {
	return e.IsEmpty() || slices.Contains(e.Keyspaces, keyspace) || slices.Contains(e.Tables, TableName{keyspace, table})
}

// Strings are the names as a request writes them, sorted.
func (e Entities) Strings() []string {
	names := slices.Clone(e.Keyspaces)
	for _, t := range e.Tables {
		names = append(names, t.String())
	}
	return names
}

// String is what ParseEntities reads.
func (e Entities) String() string { return strings.Join(e.Strings(), ",") }

var (
	nameForm = regexp.MustCompile(`^[A-Za-z0-9_]{1,222}$`)
	tagForm  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.:+@=-]*$`)
	// finalForm ends a tag that a coordinator completed: schema version and milliseconds.
	finalForm = regexp.MustCompile(`-[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}-[0-9]{1,19}$`)
	dcForm    = regexp.MustCompile(`^[^\s,/\\\x00-\x1f]{1,100}$`)
)

const (
	// maxTag is what remains of a file name of 255 bytes after ".json".
	maxTag = 250
	// maxUserTag leaves room for the schema version and the time.
	maxUserTag = 190
)

// ValidateName checks the name of a keyspace or table: what Cassandra allows
// in one, so that it is safe as the name of a directory too.
func ValidateName(name string) error {
	if !nameForm.MatchString(name) {
		return fmt.Errorf("%.300q is not a name of a keyspace or table: letters, digits and _ are, at most 222", name)
	}
	return nil
}

// ValidateTag checks a snapshot tag: it becomes the name of a directory and of
// an object, so it holds no "/" and no "..".
func ValidateTag(tag string) error {
	switch {
	case len(tag) > maxTag:
		return fmt.Errorf("is longer than %d bytes", maxTag)
	case !tagForm.MatchString(tag) || strings.Contains(tag, ".."):
		return fmt.Errorf("%.300q is not a tag: letters, digits and ._:+@=- are, beginning with a letter, a digit or _, without \"..\"", tag)
	}
	return nil
}
