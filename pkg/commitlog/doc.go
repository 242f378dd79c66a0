// Package commitlog moves the segments of a node's commit log to its bucket, and
// makes a node replay them up to a point in time.
//
// A segment is an object under its name and the time of its last change, so that
// one that has grown since is another object:
//
//	commitlog/CommitLog-<version>-<id>.log.<milliseconds since 1970>
//
// Its invariants:
//
//   - A segment that Cassandra writes is not backed up: what is in the bucket would
//     look whole. Which that is only Cassandra knows. It tells the segments that it
//     may still need; the last of them is the one that it writes, and what has a
//     greater id was made in advance and is empty. All others are full.
//   - An object is never overwritten. One with the name, the time and the size of a
//     segment is that segment.
//   - A backup that did not bring every segment there fails, or names what is
//     missing in a warning where that is in the nature of things: a running
//     Cassandra deletes segments, and a segment that has changed while it was
//     read comes with the next backup.
//   - A restore changes nothing on the node before all segments are downloaded, have
//     the sizes that the bucket tells and begin as a segment of their name does:
//     Cassandra does not start over anything else.
//   - It deletes no file of the commit log. What is there is moved beside it.
//   - commitlog_archiving.properties is written last: without it, Cassandra replays
//     nothing.
//
// The bucket that is given begins at the node: keys are relative to it.
package commitlog
