// Package backup makes a backup of one node: it takes a snapshot, finds out what
// of it the bucket has, moves there what it has not, and commits it all by one
// document.
//
//	TABLES    which tables; nothing has been touched yet
//	SNAPSHOT  the intent, the snapshot, and what lies in it
//	HASH      what the bucket and the manifests have, and the SHA-256 of those
//	          files that may be among it
//	UPLOAD    what no committed backup of this node holds already, hashed while it
//	          is sent
//	COMMIT    objects that may have gone are looked for, then the manifest is created
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
// # Nothing new, nothing sent
//
// A backup leaves what it was made of in a file of its CacheDir: of each file the
// name, size, time of change, inode and SHA-256, and the object that it is. What
// the next one believes of it, and why:
//
//   - The SHA-256 of a file of which name, size, time and inode are still those.
//     Cassandra never writes to a file of an SSTable again; what it changes
//     (Statistics.db, Summary.db) it replaces by another file, whose inode and time
//     are others. A file that was younger than two seconds when it was hashed is
//     hashed again. Whoever changes a file in place and sets its time back goes
//     unnoticed, as does a disk that forgets: the backup then is one of what the
//     file was, whose bytes are in the bucket. Wrong bytes are never sent under the
//     old hash: what is sent is hashed on its way.
//   - What its manifest says of objects, as long as the bucket lists that manifest
//     with the same size and time. Reading it again would say the same.
//
// A memory that is not whole, or of another version, is as good as none. So is one
// of another place or of other entities: those have files of their own.
//
// The bucket's list is asked for once, in parts of some thousand objects. It is
// asked again at the commit for tables of which something was uploaded; of the
// others every object is there as long as the manifests are because of which it is
// reused, since retention removes the manifest first, and looks for intents before
// it goes on. With DedupManifest the list is asked only at the commit, for objects
// that no manifest names, or one that is gone: an object that was removed behind the
// manifests' back is not missed.
//
// The bucket that Run gets begins at the node: keys are relative to it.
package backup
