// Package store is the buckets that backups lie in: how a location names one,
// how it is opened, and what can be asked of it. Nothing here knows what the
// objects mean.
//
// Invariants, which storetest holds every driver to:
//
//   - An object is whole or not there. It appears at once, with exactly the size
//     that was announced, and only if its key was free.
//   - Of any number of writers of one key exactly one wins; the others get
//     ErrExists.
//   - After its context is cancelled a call writes nothing more, and leaves
//     nothing behind that costs room.
//   - A returned Put is durable, as far as the store can promise that.
//   - List is in ascending order of the bytes of the keys.
//   - A failure is one of the sentinels here, whatever the provider calls it.
//   - A call is tried again in one place (retry.go), never in a driver's library.
//
// A provider is one file with a line in the table of open.go. Open is for the
// operations of a node; transfer, backup and restore get a Bucket. The SDKs of the
// providers are imported here only. None of the drivers of gocloud.dev is used:
// s3.go, gcs.go, azure.go and file.go say what each lacks.
package store
