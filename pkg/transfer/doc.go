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
//   - Memory is one small buffer a stream, however large the files are, and what
//     the bucket keeps of what is on its way.
//   - A file is read once. What is not known of it before is its hash, which is that
//     of the bytes that were sent; a file that changes meanwhile is store.ErrCorrupt.
//   - The page cache is left as it was: what was read or written goes out of it,
//     unless it was there before.
//   - The largest are first. Large files take at most a quarter of the workers of
//     an upload, since a bucket takes each of them in several parts at once, and
//     small ones, which mostly wait for answers, have the others.
//   - A worker of which no byte moves for Options.Stall ends it all with ErrStalled.
//     Waiting for the rate is no stall.
//
// What the use cases need besides to do the same with files of their own is here,
// too: WriteFile, SyncDir, Copy, Each.
//
// Nothing is tried again here: package store does that, also for a stream that
// breaks in the middle.
package transfer
