package cassandra

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// What follows rewrites or reads all SSTables of tables, and blocks until that is
// done. Cassandra runs each as a compaction, which Compactions shows and
// StopCompaction stops. When ctx ends the call does, and Cassandra goes on.

// ScrubOptions say how SSTables are scrubbed.
type ScrubOptions struct {
	// NoSnapshot leaves out the snapshot that is taken before.
	NoSnapshot bool
	// SkipCorrupted leaves out what cannot be read, counters too.
	SkipCorrupted bool
	// NoValidate does not check the values of columns.
	NoValidate bool
	// ReinsertOverflowedTTL brings back rows that expired for CASSANDRA-14092.
	ReinsertOverflowedTTL bool
	// Jobs is how many SSTables are worked on at once; 0 is as many as there are
	// compactors.
	Jobs int
}

// Scrub rewrites the SSTables of a keyspace, or of some of its tables.
func (n *Node) Scrub(ctx context.Context, keyspace string, o ScrubOptions, tables ...string) error {
	what := "scrubbing " + whole(keyspace, tables)
	if o.ReinsertOverflowedTTL {
		what += " with reinsertOverflowedTTL"
	}
	flags := []any{o.NoSnapshot, o.SkipCorrupted, !o.NoValidate}
	rest := []any{int32(o.Jobs), keyspace, names(tables)}
	forms := []overload{{
		signature(4, javaInt, javaString, javaStrings), slices.Concat(flags, []any{o.ReinsertOverflowedTTL}, rest),
	}}
	if !o.ReinsertOverflowedTTL { // 3.11.0 has only the form without
		forms = append(forms, overload{signature(3, javaInt, javaString, javaStrings), slices.Concat(flags, rest)})
	}
	return n.compact(ctx, keyspace, tables, o.Jobs, what, "scrub", forms...)
}

// UpgradeSSTables rewrites the SSTables of older formats, or all.
func (n *Node) UpgradeSSTables(ctx context.Context, keyspace string, all bool, jobs int, tables ...string) error {
	return n.compact(ctx, keyspace, tables, jobs, "upgrading the SSTables of "+whole(keyspace, tables), "upgradeSSTables", overload{
		[]string{javaString, javaBoolean, javaInt, javaStrings}, []any{keyspace, !all, int32(jobs), names(tables)},
	})
}

// VerifyOptions say what is verified; the zero value checks the digests.
type VerifyOptions struct {
	// Extended reads every cell; Quick no data at all.
	Extended, Quick bool
	// CheckVersion and CheckTokens find fault with older formats, and with data
	// that the node does not own.
	CheckVersion, CheckTokens bool
	// MutateRepairStatus makes what is damaged count as unrepaired, and
	// DiskFailurePolicy does with it what is configured.
	MutateRepairStatus, DiskFailurePolicy bool
}

// Verify checks the SSTables of a keyspace, or of some of its tables. Before 4.0
// there is nothing but Extended to choose.
func (n *Node) Verify(ctx context.Context, keyspace string, o VerifyOptions, tables ...string) error {
	forms := []overload{{
		signature(6, javaString, javaStrings),
		[]any{o.Extended, o.CheckVersion, o.DiskFailurePolicy, o.MutateRepairStatus, o.CheckTokens, o.Quick, keyspace, names(tables)},
	}}
	what := "verifying " + whole(keyspace, tables)
	if o == (VerifyOptions{Extended: o.Extended}) {
		forms = append(forms, overload{signature(1, javaString, javaStrings), []any{o.Extended, keyspace, names(tables)}})
	} else {
		what += " with other options than extendedVerify"
	}
	return n.compact(ctx, keyspace, tables, 0, what, "verify", forms...)
}

// GarbageCollect drops from each SSTable what newer ones delete or replace, by
// "ROW" or by "CELL".
func (n *Node) GarbageCollect(ctx context.Context, keyspace, granularity string, jobs int, tables ...string) error {
	return n.compact(ctx, keyspace, tables, jobs, "collecting the garbage of "+whole(keyspace, tables), "garbageCollect", overload{
		[]string{javaString, javaInt, javaString, javaStrings}, []any{granularity, int32(jobs), keyspace, names(tables)},
	})
}

// MajorOptions limit a major compaction.
type MajorOptions struct {
	// SplitOutput makes several SSTables of decreasing size, not one.
	SplitOutput bool
	// StartToken and EndToken, both or neither, choose the SSTables with tokens
	// between them.
	StartToken, EndToken string
}

// MajorCompact makes as few SSTables as the strategy of each table allows.
func (n *Node) MajorCompact(ctx context.Context, keyspace string, o MajorOptions, tables ...string) error {
	op, form := "forceKeyspaceCompaction", overload{signature(1, javaString, javaStrings), []any{o.SplitOutput, keyspace, names(tables)}}
	if o.StartToken != "" || o.EndToken != "" {
		op = "forceKeyspaceCompactionForTokenRange"
		form = overload{[]string{javaString, javaString, javaString, javaStrings}, []any{keyspace, o.StartToken, o.EndToken, names(tables)}}
	}
	return n.compact(ctx, keyspace, tables, 0, "compacting "+whole(keyspace, tables), op, form)
}

// signature is some booleans and then others.
func signature(booleans int, others ...string) []string {
	return append(slices.Repeat([]string{javaBoolean}, booleans), others...)
}

// compact invokes what runs as compactions, and makes an error of a result that
// says that not all was done. What returns nothing throws instead.
func (n *Node) compact(ctx context.Context, keyspace string, tables []string, jobs int, what, op string, forms ...overload) error {
	if jobs < 0 || jobs > math.MaxInt32 {
		return fmt.Errorf("%w: %d jobs", ErrInvalid, jobs)
	}
	return n.onTables(ctx, keyspace, tables, func(c Conn) error {
		v, err := n.invoke(ctx, c, storageService, op, forms...)
		if err == nil && v != nil {
			err = compactionResult(v)
		}
		return doing(err, "%s", what)
	})
}
