// Package transfer moves files between directories and buckets: many at once,
// bounded in streams, memory and rate, and verified while they pass.
//
// Every entry point first looks at what it was given, without doing anything,
// and then moves. Its invariants:
//
//   - What is verified is what was moved: bytes are hashed on their way, not
//     before or after it. A file that is not what was planned never becomes an
//     object, and an object that is not never becomes a file; both are
//     store.ErrCorrupt.
//   - A name in a directory is whole or not there: files are written beside
//     their place under a hidden name, synced, and renamed.
//   - No name leads out of the directory that was given.
//   - The first error stops everything and names the file or key. When ctx is
//     done nothing more is written.
//   - Memory is one small buffer a stream, however large the files are.
//
// What the use cases need besides to do the same with files of their own is here,
// too: WriteFile, SyncDir, Copy, Each.
//
// Nothing is tried again here: package store does that, also for a stream that
// breaks in the middle.
package transfer
