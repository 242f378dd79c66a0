package cassandra

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

// ImportOptions say how SSTables are imported. The zero value has them verified
// and puts them among the unrepaired ones of level 0.
type ImportOptions struct {
	KeepLevel          bool
	KeepRepaired       bool
	NoVerify           bool
	NoVerifyTokens     bool
	NoInvalidateCaches bool
	// Quick leaves out every check.
	Quick          bool
	ExtendedVerify bool
}

// importSSTables is the operation of a table's MBean that imports.
const importSSTables = "importNewSSTables"

// The forms of importNewSSTables that can copy: that of 4.0, and of 5.0 in
// addition.
var (
	importForm  = append([]string{javaSet}, slices.Repeat([]string{javaBoolean}, 7)...)
	importForm5 = append([]string{javaSet}, slices.Repeat([]string{javaBoolean}, 9)...)
)

// forms are the overloads of importNewSSTables that copy, the portable one first.
func (o ImportOptions) forms(dirs []string) []overload {
	verify, tokens, caches, extended := !o.NoVerify, !o.NoVerifyTokens, !o.NoInvalidateCaches, o.ExtendedVerify
	if o.Quick {
		verify, tokens, caches, extended = false, false, false, false
	}
	// The last is copyData: without, the source would be moved away.
	args := []any{jmx.Set(dirs), !o.KeepLevel, !o.KeepRepaired, verify, tokens, caches, extended, true}
	return []overload{
		{importForm, args},
		// failOnMissingIndex and validateIndexChecksum: as the portable form has them.
		{importForm5, append(slices.Clone(args), false, true)},
	}
}

// directoryForm5 is what 5.0 wants of the path to an SSTable, besides the name.
var directoryForm5 = regexp.MustCompile(`/\w+/\w+(-[0-9a-f]{32})?(/backups|/snapshots/[^/]+)?$`)

// checkDirectories refuses directories that 5.0 would do nothing with and say that
// it is done: it takes a file for an SSTable only where the path could be that of
// a table, of whichever name.
func (n *Node) checkDirectories(ctx context.Context, c Conn, bean jmx.ObjectName, dirs []string) error {
	strict, err := n.hasOperation(ctx, c, bean, importSSTables, importForm5)
	if err != nil || !strict {
		return err
	}
	for _, dir := range dirs {
		if !directoryForm5.MatchString(filepath.Clean(dir)) {
			return fmt.Errorf("%w: this release of Cassandra overlooks the SSTables in %s: "+
				"the path must end in keyspace/table or keyspace/table-id, of letters, digits and _", ErrInvalid, dir)
		}
	}
	return nil
}

// Import makes Cassandra take up copies of the SSTables in directories, which it
// must be able to read under the same paths; 5.0 takes only those whose paths end
// in keyspace/table or keyspace/table-id. It is ErrUnsupported before 4.0.
// It may rewrite Statistics.db files in the directories.
func (n *Node) Import(ctx context.Context, keyspace, table string, dirs []string, o ImportOptions) error {
	for _, dir := range dirs {
		if !filepath.IsAbs(dir) {
			return fmt.Errorf("%w: directory %q to import from is not absolute", ErrInvalid, dir)
		}
	}
	if len(dirs) == 0 {
		return fmt.Errorf("%w: no directory to import into %s.%s from", ErrInvalid, keyspace, table)
	}
	return n.onTable(ctx, keyspace, table, func(c Conn, bean jmx.ObjectName) error {
		form, err := n.choose(ctx, c, bean, importSSTables, o.forms(dirs)...)
		if err != nil {
			return fmt.Errorf("importing into %s.%s: %w", keyspace, table, err)
		}
		if err := n.checkDirectories(ctx, c, bean, dirs); err != nil {
			return fmt.Errorf("importing into %s.%s: %w", keyspace, table, err)
		}
		v, err := c.Invoke(ctx, bean, importSSTables, form.signature, form.args...)
		if err != nil {
			return doing(err, "importing %s into %s.%s", strings.Join(dirs, ", "), keyspace, table)
		}
		failed, err := jmx.AsStrings(v)
		if err != nil {
			return fmt.Errorf("importing into %s.%s: %w", keyspace, table, err)
		}
		if len(failed) > 0 {
			return fmt.Errorf("importing into %s.%s: Cassandra could not import %s; its log has the reason",
				keyspace, table, strings.Join(failed, ", "))
		}
		return nil
	})
}

// CanImport reports whether this release of Cassandra has Import.
func (n *Node) CanImport(ctx context.Context) (can bool, err error) {
	err = n.with(ctx, func(c Conn) error {
		beans, err := tableBeans(ctx, c, []string{"system"})
		if err != nil {
			return err
		}
		if len(beans) == 0 {
			return fmt.Errorf("looking for a table of keyspace system: %w", jmx.ErrNotFound)
		}
		_, err = n.choose(ctx, c, beans[0], importSSTables, ImportOptions{}.forms(nil)...)
		if can = err == nil; errors.Is(err, ErrUnsupported) {
			return nil
		}
		return err
	})
	return can, err
}
