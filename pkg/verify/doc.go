// Package verify finds out whether the backups of a bucket can still be restored:
// whether every object that a manifest names is there, and is what it was.
//
// There are three levels, each of which does what those before it do:
//
//   - List compares keys and sizes with a listing: a request for a thousand objects.
//   - Size asks of each object by itself, a request for each. It finds out what a
//     listing cannot tell, such as an object that may not be read.
//   - Digest reads every object to its end and compares its hash. It alone finds a
//     change that keeps the size.
//
// Its invariants:
//
//   - Nothing is written.
//   - An object that several backups name is looked at once.
//   - What is bad is told with the key, what was expected and what was found, and
//     does not end the verification. What cannot be found out does: a store that
//     fails is an error, not a bad object.
//   - A backup that is removed meanwhile has no bad objects.
//   - What a verification has cost is counted, not guessed.
//
// A manifest has no hash of its own: it is held to what it says, to its form, and
// to the name that it has. What of it can be changed without contradicting that or
// the objects, such as the tokens of the node, is not found.
package verify
