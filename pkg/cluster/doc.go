// Package cluster coordinates one operation over the nodes of a ring: an
// ordered list of phases, each a barrier over nodes, each node's part an
// operation of its own sidecar.
//
// Step is the whole of it and pure: from a Plan and from the Board, what is
// known of every child, it decides what to send, what to ask, whether to go on
// and why it ended. It has two drivers, which keep no truth of their own: Run,
// the loop of a sidecar, and the reconciler of the controller, which rebuilds
// the Board from its object's status and calls Step once. Both do the same:
//
//	decision := cluster.Step(plan, board, now)
//	board.Adopt(decision)       // where its facts are new, they are kept on disk now
//	for _, a := range decision.Actions {
//		board.Begin(a)
//		op, err := perform(a)   // POST, GET or DELETE
//		board.Record(a, op, err, now)
//	}
//	// again at decision.Wake, or as soon as anything was recorded
//
// Its invariants:
//
//   - No child of a phase is sent before every child of the phases before it is
//     COMPLETED without errors and what they reported agrees. So no table is
//     truncated before every node has downloaded, and only those tables that
//     every node has downloaded.
//   - A child has one id, made of the parent's, the phase, the host and the
//     attempt. It is posted again only under that id, where nothing is known of
//     the submission or the sidecar has lost it.
//   - Nothing is sent after the first failure, cancellation or the deadline.
//     What is at work is cancelled, or where its phase says so let finish, and
//     the verdict waits until it is; what cannot be reached is named.
//   - A verdict of Succeeded means that every child is COMPLETED. A timeout, a
//     lost node and an answer that makes no sense are failures, with the
//     address of the node as their source.
//   - Facts are decided once. A driver that keeps them before it acts never
//     truncates again after an import began, however long it was away.
//
// A restore that fails keeps what was downloaded, so that the next one with the
// same tag need not download it again; where tables were truncated, its errors
// name them and say how to go on.
package cluster
