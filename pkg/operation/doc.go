// Package operation is the life of operations: they are submitted, journaled,
// queued, run, watched, cancelled, and forgotten an hour after they finished.
//
// Its invariants:
//
//   - A change of state is on disk before anyone sees it. Progress may be seen
//     earlier and is written every few seconds.
//   - A state moves PENDING, RUNNING, and then to exactly one of COMPLETED,
//     FAILED and CANCELLED, after which nothing changes any more. It gets there
//     only after Run returned, so that nothing goes on behind a finished state.
//   - An id names one operation: posting it again starts nothing.
//   - Coordinators and the operations they wait for have slots of their own.
//   - Secrets never reach the disk. A request that carries one cannot be resumed
//     by itself: it is FAILED after a restart, or, where its client chose the id,
//     not known until that client posts it again, which goes on with it.
//
// After a restart, operations of resumable kinds run again under their ids, and
// the others are FAILED. What outlives the sidecar, as the work that Cassandra was
// asked for does, is watched to its end even if it was cancelled. A kind is made
// with Define:
//
//	operation.Define("flush", operation.Spec[rest.FlushRequest]{
//		Run: func(ctx context.Context, req *rest.FlushRequest, h *operation.Handle) error {
//			return node.Flush(ctx, req.Keyspace, req.Tables...)
//		},
//	})
//
// The server and the command line submit here; kinds come from package nodeops.
package operation
