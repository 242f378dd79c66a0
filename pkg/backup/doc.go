// Package backup makes a backup of one node: it takes a snapshot, hashes its
// files, moves to the bucket what is not there yet, and commits it all by one
// document.
//
//	TABLES    which tables; nothing has been touched yet
//	SNAPSHOT  the intent, the snapshot, and what lies in it
//	HASH      the SHA-256 of every file
//	UPLOAD    what no committed backup of this node holds already
//	COMMIT    every object is looked for, then the manifest is created
//
// Its invariants:
//
//   - The manifest is the commit. It is written last, only where there is none,
//     and only when every object in it was seen with its size. After an error or
//     a cancel there is no manifest.
//   - Every table of the schema that was asked for is in it, or the backup fails.
//   - An object is never overwritten. One that a committed manifest of the node
//     names with the same table id, name, SHA-256 and size is reused if the
//     bucket shows it with that size; any other that is in the way is read and
//     compared, since nobody vouches for it.
//   - The snapshot is cleared at the end, whatever the end is, and so is the
//     intent. A snapshot that was there before is somebody else's.
//   - A run that died is begun again with the same tag and owner, and finds what
//     it had uploaded.
//
// The bucket that Run gets begins at the node: keys are relative to it.
package backup
