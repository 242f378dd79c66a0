package sstable

import "regexp"

// Name is the name of a file of an SSTable, taken apart.
type Name struct {
	// Base is what the files of one SSTable have in common: "nb-1-big".
	Base string
	// Generation is a number or, from 4.1 on, an id such as "3g1m_0abc_2xyz".
	Generation string
	// Format is "big" or "bti"; "" before 2.2, when there was one alone.
	Format string
	// Component is the rest: "Data.db", "SAI+ba+idx+PrimaryKey.db".
	Component string
}

// component begins with a capital, or the old form's "tmp-ka-1-Data.db" would look
// like a format and its component.
const component = `[A-Z][A-Za-z0-9_.+-]*`

var (
	// nameForm is the form since 2.2: version, generation, format, component. A
	// format has three letters at least, or it would be a version of the old form.
	nameForm = regexp.MustCompile(`^([a-z]{2}-([A-Za-z0-9_]+)-([a-z]{3,10}))-(` + component + `)$`)
	// oldForm leads with keyspace and table, which may be "table.index".
	oldForm = regexp.MustCompile(`^([A-Za-z0-9_]+-[A-Za-z0-9_.]+-[a-z]{2}-([0-9]+))-(` + component + `)$`)

	componentForm = regexp.MustCompile(`^` + component + `$`)
)

// maxName is what a file system allows.
const maxName = 255

// ParseName takes the name of a file apart; it is false for a file that belongs
// to no SSTable.
func ParseName(file string) (Name, bool) {
	if len(file) > maxName {
		return Name{}, false
	}
	if m := nameForm.FindStringSubmatch(file); m != nil {
		return Name{Base: m[1], Generation: m[2], Format: m[3], Component: m[4]}, true
	}
	if m := oldForm.FindStringSubmatch(file); m != nil {
		return Name{Base: m[1], Generation: m[2], Component: m[3]}, true
	}
	return Name{}, false
}
