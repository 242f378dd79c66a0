package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/icarus-sidecar/icarus/hack/dataset"
)

// verdict is what became of a table.
type verdict string

const (
	identical verdict = "identical"
	kept      verdict = "kept (not in the backup)"
	differs   verdict = "DIFFERS"
	missing   verdict = "MISSING"
	lost      verdict = "LOST (not in the backup)"
	// undamaged proves nothing: the demo did not do what it says.
	undamaged verdict = "WAS NOT DAMAGED"
)

func (v verdict) good() bool { return v == identical || v == kept }

// comparison is one table at three times; nil where it was not there.
type comparison struct {
	table                     string
	before, damaged, restored *dataset.Print
}

// verdict compares a table that the backup holds with what it was, and one
// that was made later with what it was before the restore.
func (c comparison) verdict() verdict {
	switch {
	case c.before == nil && c.restored != nil && c.damaged != nil && *c.restored == *c.damaged:
		return kept
	case c.before == nil:
		return lost
	case c.restored == nil:
		return missing
	case *c.restored != *c.before:
		return differs
	case c.damaged != nil && *c.damaged == *c.before:
		return undamaged
	default:
		return identical
	}
}

// compare lists all tables by name.
func compare(before, damaged, restored dataset.Prints) []comparison {
	all := maps.Clone(before)
	maps.Copy(all, damaged)
	maps.Copy(all, restored)
	at := func(p dataset.Prints, table string) *dataset.Print {
		if print, ok := p[table]; ok {
			return &print
		}
		return nil
	}
	list := make([]comparison, 0, len(all))
	for _, table := range slices.Sorted(maps.Keys(all)) {
		list = append(list, comparison{table, at(before, table), at(damaged, table), at(restored, table)})
	}
	return list
}

// allGood is whether every table came out as it should; none at all is not.
func allGood(list []comparison) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(c comparison) bool { return !c.verdict().good() })
}

// writeComparison writes the table of tables: rows and checksum at each time.
func writeComparison(out io.Writer, list []comparison) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  TABLE (ROWS, CHECKSUM)\tBEFORE\tDAMAGED\tRESTORED\tVERDICT")
	for _, c := range list {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\n", c.table, cell(c.before), cell(c.damaged), cell(c.restored), c.verdict())
	}
	return w.Flush()
}

func cell(p *dataset.Print) string {
	if p == nil {
		return "-"
	}
	return fmt.Sprintf("%d %08x", p.Rows, uint32(p.Sum>>32)) // the upper half, to fit the line; all of it is compared
}

// cost is what a step took: of the clock, and of each sidecar.
type cost struct {
	name     string
	wall     time.Duration
	sidecars []usage // cpu of the step alone, peak during it; nil where /proc does not tell
}

// writeCosts writes what the steps took.
func writeCosts(out io.Writer, names []string, costs []cost) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "  STEP\tWALL\tSIDECARS' CPU\t%s\n", strings.Join(names, "\t"))
	for _, c := range costs {
		var cpu time.Duration
		cells := make([]string, len(names))
		for i := range names {
			cells[i] = "-"
			if i < len(c.sidecars) {
				u := c.sidecars[i]
				cpu += u.cpu
				cells[i] = fmt.Sprintf("%s, peak %s", seconds(u.cpu), megabytes(u.peak))
			}
		}
		total := "-"
		if c.sidecars != nil {
			total = seconds(cpu)
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", c.name, seconds(c.wall), total, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }

// rows is how many rows the tables have together.
func rows(p dataset.Prints) (tables int, rows int64) {
	for name, print := range p {
		if !strings.Contains(name, "[") { // an index has those of its table
			tables++
			rows += print.Rows
		}
	}
	return tables, rows
}
