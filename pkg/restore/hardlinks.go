package restore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/sstable"
)

// Cassandra counts the generations of a table up from 1, in an int, and fails to
// flush when it comes to a number that a file has. So links get numbers to which
// it does not count while they wait to be taken up, when they get its next ones.
const (
	firstGeneration = 1 << 30
	// restartGap is for a Cassandra that was restarted while links lay there, and
	// goes on counting from theirs.
	restartGap = 1 << 20
)

// linkIn links the SSTables of a table into its directories and has Cassandra
// take them up.
func (im importer) linkIn(ctx context.Context, t table, dirs liveDirs, st *state) error {
	if st.Step == stepLoading {
		// They were all there. What Cassandra has taken up it does not take again.
		return im.load(ctx, t, dirs, st, nil)
	}
	fresh, err := im.planLinks(t, dirs, st)
	if err != nil {
		return err
	}
	st.Step = stepLinking
	if err := im.place.keep(t.Target, *st); err != nil {
		return err
	}
	err = im.makeLinks(ctx, t, dirs, fresh)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		st.Step = stepLoading
		err = im.place.keep(t.Target, *st)
	}
	if err != nil {
		return errors.Join(err, im.undo(t, dirs, st))
	}
	return im.load(ctx, t, dirs, st, fresh)
}

// load has Cassandra take up what is linked. Of fresh links it is known that it
// has to rename them for that.
func (im importer) load(ctx context.Context, t table, dirs liveDirs, st *state, fresh []link) error {
	keyspace, name, _ := strings.Cut(t.Target, ".")
	err := im.node.LoadNewSSTables(ctx, keyspace, name)
	switch {
	case answered(err):
		return errors.Join(err, im.undo(t, dirs, st))
	case err != nil:
		return fmt.Errorf("%w; the SSTables remain linked: repeat IMPORT, and what was not taken up will be", err)
	}
	for _, l := range fresh {
		left, err := dirs.holds(l.Dir, l.As+"-"+dataComponent)
		if err != nil {
			return err
		}
		if left {
			err := fmt.Errorf("Cassandra did not take up SSTable %s; can this release read its format?", l.SSTable) //nolint:staticcheck // a name
			return errors.Join(err, im.undo(t, dirs, st))
		}
	}
	return nil
}

// undo removes the links that have still the names that we gave them.
func (im importer) undo(t table, dirs liveDirs, st *state) error {
	if err := dirs.remove(st.Links); err != nil {
		return fmt.Errorf("removing links to the SSTables of %s: %w", t.Name, err)
	}
	st.Step, st.Links = "", nil
	return im.place.keep(t.Target, *st)
}

// planLinks finds a directory and a name for every SSTable that is not there yet,
// and has all links of ours in the state.
func (im importer) planLinks(t table, dirs liveDirs, st *state) (fresh []link, err error) {
	if err := dirs.sweep(st.Links); err != nil {
		return nil, err
	}
	there, err := dirs.scan()
	if err != nil {
		return nil, err
	}
	former := st.Links
	st.Links = nil
	next := there.nextGeneration()
	for _, base := range slices.Sorted(maps.Keys(t.bases())) {
		info, err := im.place.root.Lstat(path.Join(t.Dir, base+"-"+dataComponent))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotDownloaded, err)
		}
		if l, ok := there.former(former, base, info); ok {
			st.Links = append(st.Links, l)
			continue
		}
		if there.has(info) || there.unique(base, info) {
			continue // perhaps renamed by Cassandra, which did not come to an end
		}
		l := link{SSTable: base, Dir: dirs[len(fresh)%len(dirs)].path}
		if l.As, err = there.name(base, &next); err != nil {
			return nil, err
		}
		fresh = append(fresh, l)
		st.Links = append(st.Links, l)
	}
	return fresh, nil
}

// makeLinks links all SSTables. Every Data.db comes after everything else is on
// disk.
func (im importer) makeLinks(ctx context.Context, t table, dirs liveDirs, links []link) error {
	from, err := im.place.root.OpenRoot(t.Dir)
	if err != nil {
		return err
	}
	defer from.Close()
	bases := t.bases()
	for _, data := range []bool{false, true} {
		for _, l := range links {
			files := slices.DeleteFunc(slices.Clone(bases[l.SSTable]), func(f file) bool {
				return (l.component(f) == dataComponent) != data
			})
			if err := im.makeLink(ctx, from, files, dirs.at(l.Dir), l); err != nil {
				return err
			}
		}
		if err := dirs.sync(); err != nil {
			return err
		}
	}
	return nil
}

// makeLink links some of the files of an SSTable.
func (im importer) makeLink(ctx context.Context, from *os.Root, files []file, to *liveDir, l link) error {
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := im.put(ctx, from, f, to, l.As+"-"+l.component(f)); err != nil {
			return fmt.Errorf("putting %s into %s: %w", f.Name, l.Dir, err)
		}
	}
	return nil
}

// component is what a file is to its SSTable.
func (l link) component(f file) string { return strings.TrimPrefix(f.Name, l.SSTable+"-") }

// there is what lies in the directories of a table.
type there struct {
	// data are the Data.db files.
	data []liveData
	// bases are those of all files, and highest their highest generation.
	bases   map[string]bool
	highest int64
}

type liveData struct {
	dir, base string
	info      fs.FileInfo
}

// has reports whether a Data.db of the downloads is there, under any name.
func (th there) has(info fs.FileInfo) bool {
	return slices.ContainsFunc(th.data, func(d liveData) bool { return os.SameFile(d.info, info) })
}

// former finds the link that an earlier attempt made of an SSTable. A copy cannot
// be told by its inode, but by a name that we alone give, and it is whole.
func (th there) former(links []link, base string, info fs.FileInfo) (link, bool) {
	for _, l := range links {
		if l.SSTable != base {
			continue
		}
		for _, d := range th.data {
			if d.dir == l.Dir && d.base == l.As && d.info.Size() == info.Size() {
				return l, true
			}
		}
	}
	return link{}, false
}

// unique reports whether an SSTable is there that has the same identifier.
func (th there) unique(base string, info fs.FileInfo) bool {
	n, ok := sstable.ParseName(base + "-" + dataComponent)
	return ok && !isNumber(n.Generation) && slices.ContainsFunc(th.data, func(d liveData) bool {
		return d.base == base && d.info.Size() == info.Size()
	})
}

func (th there) nextGeneration() int64 {
	if th.highest < firstGeneration {
		return firstGeneration
	}
	return th.highest + restartGap
}

// name is the base of an SSTable's names in the directories of its table. An
// identifier that is no number is unique by itself.
func (th there) name(base string, next *int64) (string, error) {
	n, ok := sstable.ParseName(base + "-" + dataComponent)
	if !ok {
		return "", fmt.Errorf("%w: %q is no name of an SSTable", ErrInvalid, base)
	}
	if !isNumber(n.Generation) {
		if th.bases[base] {
			return "", fmt.Errorf("SSTable %s is there already, with other content; was the table truncated?", base)
		}
		return base, nil
	}
	if *next > math.MaxInt32 {
		return "", fmt.Errorf("there is no generation left for SSTable %s", base)
	}
	suffix := "-" + n.Generation
	end := "-" + strconv.FormatInt(*next, 10)
	if n.Format != "" {
		suffix += "-" + n.Format
		end += "-" + n.Format
	}
	*next++
	return strings.TrimSuffix(base, suffix) + end, nil
}

func isNumber(generation string) bool {
	return generation != "" && strings.Trim(generation, "0123456789") == ""
}
