// Package manifest knows the documents of a backup and the keys of everything
// that lies in a bucket. It is pure: it reads and writes bytes, never a bucket.
//
//	topology/<tag>.json
//	<cluster>/<dc>/<host id>/manifests/<tag>.json
//	<cluster>/<dc>/<host id>/intents/<tag>.json
//	<cluster>/<dc>/<host id>/data/<keyspace>/<table>-<table id>/<dir>/<file>
//	<cluster>/<dc>/<host id>/data/<keyspace>/<table>-<table id>/.<index>/<dir>/<file>
//
// <dir> is <generation>-<digest> of the SSTable or, where that name was taken by
// other bytes, <generation>-<digest>-<first 16 digits of the file's SHA-256>. Keys
// are relative to the node, except for the topology's. <tag> is
// <user's tag>-<schema version>-<milliseconds>.
//
// The tree and the manifest are Esop's. Besides them there is the intent, by
// which a running backup announces itself.
//
// Invariants:
//
//   - What Decode returns can be trusted to be consistent: every key stays below
//     its own table's directory, no two files of a table have one name, and
//     every size and hash is one. Whether they are true, the download shows.
//   - Encode writes nothing that Decode refuses, and the same bytes for the same
//     manifest.
//   - Fields that are not known are ignored on reading, as other tools do. But what
//     names a version, or lists the files of a table in no form that is known, is
//     refused: it would be read as an empty backup.
//
// It is for the use cases (backup, restore) and the operations.
package manifest
