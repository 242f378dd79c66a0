package cassandratest

import (
	"context"
	"fmt"
	"time"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
)

// Scrub is the method of a node.
func (f *Fake) Scrub(ctx context.Context, keyspace string, o cassandra.ScrubOptions, tables ...string) error {
	return done(ctx, f, func(ctx context.Context) error {
		return f.node.Scrub(ctx, keyspace, o, tables...)
	}, "Scrub", append([]string{keyspace, fmt.Sprintf("%+v", o)}, tables...)...)
}

// UpgradeSSTables is the method of a node.
func (f *Fake) UpgradeSSTables(ctx context.Context, keyspace string, all bool, jobs int, tables ...string) error {
	return done(ctx, f, func(ctx context.Context) error {
		return f.node.UpgradeSSTables(ctx, keyspace, all, jobs, tables...)
	}, "UpgradeSSTables", append([]string{keyspace, fmt.Sprint(all), fmt.Sprint(jobs)}, tables...)...)
}

// Verify is the method of a node.
func (f *Fake) Verify(ctx context.Context, keyspace string, o cassandra.VerifyOptions, tables ...string) error {
	return done(ctx, f, func(ctx context.Context) error {
		return f.node.Verify(ctx, keyspace, o, tables...)
	}, "Verify", append([]string{keyspace, fmt.Sprintf("%+v", o)}, tables...)...)
}

// GarbageCollect is the method of a node.
func (f *Fake) GarbageCollect(ctx context.Context, keyspace, granularity string, jobs int, tables ...string) error {
	return done(ctx, f, func(ctx context.Context) error {
		return f.node.GarbageCollect(ctx, keyspace, granularity, jobs, tables...)
	}, "GarbageCollect", append([]string{keyspace, granularity, fmt.Sprint(jobs)}, tables...)...)
}

// MajorCompact is the method of a node.
func (f *Fake) MajorCompact(ctx context.Context, keyspace string, o cassandra.MajorOptions, tables ...string) error {
	return done(ctx, f, func(ctx context.Context) error {
		return f.node.MajorCompact(ctx, keyspace, o, tables...)
	}, "MajorCompact", append([]string{keyspace, fmt.Sprintf("%+v", o)}, tables...)...)
}

// Compactions is the method of a node.
func (f *Fake) Compactions(ctx context.Context) ([]cassandra.Compaction, error) {
	return answer(ctx, f, f.node.Compactions, "Compactions")
}

// CompactionsQueued is the method of a node.
func (f *Fake) CompactionsQueued(ctx context.Context) (int64, error) {
	return answer(ctx, f, f.node.CompactionsQueued, "CompactionsQueued")
}

// Started is the method of a node.
func (f *Fake) Started(ctx context.Context) (time.Time, error) {
	return answer(ctx, f, f.node.Started, "Started")
}

// Removing is the method of a node.
func (f *Fake) Removing(ctx context.Context) (bool, error) {
	return answer(ctx, f, f.node.Removing, "Removing")
}

// StopCompaction is the method of a node.
func (f *Fake) StopCompaction(ctx context.Context, id string) error {
	return done(ctx, f, func(ctx context.Context) error { return f.node.StopCompaction(ctx, id) }, "StopCompaction", id)
}

// Streams is the method of a node.
func (f *Fake) Streams(ctx context.Context) ([]cassandra.Stream, error) {
	return answer(ctx, f, f.node.Streams, "Streams")
}

// Repair is the method of a node.
func (f *Fake) Repair(
	ctx context.Context, keyspace string, o cassandra.RepairOptions, begun func(number int), report func(done, of int),
) error {
	return done(ctx, f, func(ctx context.Context) error {
		return f.node.Repair(ctx, keyspace, o, begun, report)
	}, "Repair", keyspace, fmt.Sprintf("%+v", o))
}

// RepairStatus is the method of a node.
func (f *Fake) RepairStatus(ctx context.Context, number int) (state cassandra.RepairState, reason string, err error) {
	err = done(ctx, f, func(ctx context.Context) error {
		state, reason, err = f.node.RepairStatus(ctx, number)
		return err
	}, "RepairStatus", fmt.Sprint(number))
	return state, reason, err
}

// StopRepairs is the method of a node.
func (f *Fake) StopRepairs(ctx context.Context) error {
	return done(ctx, f, f.node.StopRepairs, "StopRepairs")
}

// Drain is the method of a node.
func (f *Fake) Drain(ctx context.Context) error { return done(ctx, f, f.node.Drain, "Drain") }

// Decommission is the method of a node.
func (f *Fake) Decommission(ctx context.Context, force bool) error {
	return done(ctx, f, func(ctx context.Context) error {
		return f.node.Decommission(ctx, force)
	}, "Decommission", fmt.Sprint(force))
}

// Rebuild is the method of a node.
func (f *Fake) Rebuild(ctx context.Context, o cassandra.RebuildOptions) error {
	return done(ctx, f, func(ctx context.Context) error {
		return f.node.Rebuild(ctx, o)
	}, "Rebuild", fmt.Sprintf("%+v", o))
}

// RemoveNode is the method of a node.
func (f *Fake) RemoveNode(ctx context.Context, hostID string) error {
	return done(ctx, f, func(ctx context.Context) error { return f.node.RemoveNode(ctx, hostID) }, "RemoveNode", hostID)
}

// Assassinate is the method of a node.
func (f *Fake) Assassinate(ctx context.Context, address string) error {
	return done(ctx, f, func(ctx context.Context) error { return f.node.Assassinate(ctx, address) }, "Assassinate", address)
}

// StopDaemon is the method of a node.
func (f *Fake) StopDaemon(ctx context.Context) error {
	return done(ctx, f, f.node.StopDaemon, "StopDaemon")
}
