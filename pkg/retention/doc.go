// Package retention knows the backups that a bucket holds: what they are, what
// the removal of one would free, and how to remove it.
//
// Its invariants:
//
//   - What is deleted is planned first, and the plan is pure: an object is deleted
//     only if a removed backup names it and no kept backup of the node does, or,
//     where orphans are asked for, if no backup names it and it is old.
//   - A manifest goes before the objects that it names, so that after a crash at
//     any point each backup that is there is complete. Objects that were not
//     reached are orphans, which a later removal collects.
//   - A bucket with a manifest that cannot be read is left as it is: nobody knows
//     what that backup needs.
//   - Nothing is deleted while a backup of the node runs. One that begins during a
//     removal is seen by its intent or its manifest before each batch of objects,
//     and the rest is left to a later removal.
//   - A backup is named by its whole tag. No beginning of one means it.
//
// The bucket that List and Remove get begins at the node, as in package backup;
// that of Nodes and PruneTopology is whole.
package retention
