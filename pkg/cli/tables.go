package cli

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// table writes rows with aligned columns.
func table(w io.Writer, rows func(row func(cells ...any))) error {
	const gap = 2
	t := tabwriter.NewWriter(w, 0, 0, gap, ' ', 0)
	rows(func(cells ...any) {
		for i, cell := range cells {
			if i > 0 {
				fmt.Fprint(t, "\t")
			}
			fmt.Fprint(t, cell)
		}
		fmt.Fprintln(t)
	})
	return t.Flush()
}

// Backups writes the table of a list: the original's columns and, where there are
// several nodes, whose backup it is.
func Backups(w io.Writer, l rest.ListResult, human bool) error {
	size := func(bytes int64) string { return strconv.FormatInt(bytes, 10) }
	if human {
		size = Human
	}
	nodes := map[string]bool{}
	var reclaimable int64
	for _, r := range l.Reports {
		nodes[r.Node] = true
		reclaimable += r.ReclaimableSpace
	}
	several := len(nodes) > 1
	return table(w, func(row func(cells ...any)) {
		line := func(node string, cells ...any) {
			if several {
				cells = append(cells, node)
			}
			row(cells...)
		}
		line("Node", "Timestamp", "Name", "Files", "Occupied space", "Reclaimable space")
		for _, r := range l.Reports {
			line(r.Node, r.Timestamp, r.Name, r.Files, size(r.Size), size(r.ReclaimableSpace))
		}
		line("", "", fmt.Sprintf("%d in all", l.TotalManifests), l.TotalFiles, size(l.TotalSize), size(reclaimable))
	})
}

// Names writes the names of backups, one a line.
func Names(w io.Writer, l rest.ListResult) error {
	for _, r := range l.Reports {
		if _, err := fmt.Fprintln(w, r.Name); err != nil {
			return err
		}
	}
	return nil
}

// Removed writes what a removal removed.
func Removed(w io.Writer, r rest.RemoveBackupResult) error {
	verb := "removed"
	if r.Dry {
		verb = "would remove"
	}
	for _, b := range r.Removed {
		if _, err := fmt.Fprintf(w, "%s %s of %s\n", verb, b.Name, b.Node); err != nil {
			return err
		}
	}
	for _, b := range r.Spared {
		if _, err := fmt.Fprintf(w, "kept %s of %s\n", b.Name, b.Node); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%s %d backups, %d objects with %s\n", verb, len(r.Removed), r.Files+r.Orphans.Files, Human(r.Size+r.Orphans.Size))
	return err
}

// Verified writes what a verification found: a table of what is bad, if anything
// is, and what was verified and what that took.
func Verified(w io.Writer, r rest.VerifyResult) error {
	if r.Bad > 0 {
		err := table(w, func(row func(cells ...any)) {
			row("Problem", "Object", "Expected", "Found", "Backups", "Node")
			for _, bad := range r.BadObjects {
				row(bad.Problem, bad.ObjectKey, bad.Expected, bad.Found, bad.Backups, bad.Node)
			}
		})
		if err != nil {
			return err
		}
		for _, damaged := range r.Damaged {
			if _, err := fmt.Fprintf(w, "damaged %s of %s: %d objects\n", damaged.Name, damaged.Node, damaged.Bad); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(w, "verified %d backups at level %s: %d of %d objects (%s) are bad\nit took %d requests, %s read, %.1f s\n",
		r.Backups, r.Level, r.Bad, r.Files, Human(r.Size), r.Cost.Requests, Human(r.Cost.BytesRead), r.Cost.Seconds)
	return err
}

// Operations writes a table of operations.
func Operations(w io.Writer, ops []rest.Operation) error {
	return table(w, func(row func(cells ...any)) {
		row("ID", "Type", "State", "Progress", "Created", "Phase")
		for _, op := range ops {
			row(op.ID, op.Type, op.State, fmt.Sprintf("%.0f%%", op.Progress*100), //nolint:mnd // percent
				op.CreationTime.UTC().Format(time.RFC3339), op.CurrentPhase)
		}
	})
}
