package rest

import (
	"cmp"
	"strings"
	"time"
)

// Types of operations on a node's commit log.
const (
	TypeCommitLogBackup  = "commitlog-backup"
	TypeCommitLogRestore = "commitlog-restore"
)

// DefaultCommitLogDirectory is where the original looks for the commit log.
const DefaultCommitLogDirectory = "/var/lib/cassandra/data/commitlog"

// CommitLogBackupRequest backs up segments of the node's commit log: CommitLog
// before CommitLogArchiveOverride before CassandraCommitLogDirectory before the
// directory that Cassandra names.
type CommitLogBackupRequest struct {
	Header `doc:"Backs up the full segments of this node's commit log."`
	Store
	Duration                    *Duration  `json:"duration,omitempty" doc:"Time over which the upload is spread."`
	Bandwidth                   *Bandwidth `json:"bandwidth,omitempty" doc:"Rate of the upload at most, of all transfers together."`
	MetadataDirective           string     `json:"metadataDirective" validate:"oneof=COPY REPLACE" doc:"Taken for the sake of old clients; it changes nothing."`
	CassandraCommitLogDirectory Path       `json:"cassandraCommitLogDirectory,omitempty" doc:"Directory of the commit log; the one that Cassandra names where it is left out."`
	CommitLogArchiveOverride    Path       `json:"commitLogArchiveOverride,omitempty" doc:"Directory that an archive_command fills. It goes before the directory of the commit log where it is there."`
	CommitLog                   Path       `json:"commitLog,omitempty" doc:"One segment, as an archive_command names it. It goes before both directories."`
	Online                      bool       `json:"online" doc:"Put this node, which Cassandra names, in the place of the one in storageLocation; Cassandra has to answer."`
	CreateMissingBucket         bool       `json:"createMissingBucket" doc:"Make the bucket if it is not there."`
	SkipRefreshing              bool       `json:"skipRefreshing" doc:"Taken for the sake of old clients; it changes nothing."`
}

// CommitLogBackupResult is the Result of a completed backup of a commit log.
type CommitLogBackupResult struct {
	Segments int64 `json:"segments" doc:"Segments that are in the bucket now."`
	Uploaded int64 `json:"uploaded" doc:"Those that were not there before."`
	// Written are left for another backup.
	Written []string `json:"written,omitempty" doc:"Names of the segments that Cassandra still writes, which are left for another backup."`
}

// CommitLogRestoreRequest makes the node replay its commit log up to a point in
// time when it is started the next time. It must be stopped or drained.
type CommitLogRestoreRequest struct {
	Header `doc:"Makes this node, which is stopped or drained, replay its commit log up to a point in time when it is started."`
	Store
	CassandraCommitLogDirectory Path  `json:"cassandraCommitLogDirectory" doc:"Directory of the commit log. What is in it is moved beside it."`
	SharedContainerPath         Path  `json:"sharedContainerPath,omitempty" doc:"Taken for the sake of old clients; it changes nothing."`
	CassandraConfigDirectory    Path  `json:"cassandraConfigDirectory" doc:"Directory of cassandra-env.sh, to which commitlog_archiving.properties is written."`
	CommitLogDownloadDir        URI   `json:"commitlogDownloadDir" validate:"required" doc:"Directory that segments are downloaded to and that Cassandra replays them from. It must be empty." example:"/var/lib/cassandra/replay"`
	TimestampStart              int64 `json:"timestampStart" validate:"gte=0" doc:"Milliseconds since 1970 before which segments that were not changed since are left out."`
	TimestampEnd                int64 `json:"timestampEnd" validate:"required,gte=0" doc:"The point in time, in milliseconds since 1970. Cassandra counts in seconds." example:"1795409334000"`
	// KeyspaceTables are "ks1.t1,ks2.t2".
	KeyspaceTables string `json:"keyspaceTables,omitempty" doc:"Tables that alone are replayed, as ks1.t1,ks2.t2; all where none is named."`
}

// CommitLogRestoreResult is the Result of a completed restore of a commit log.
type CommitLogRestoreResult struct {
	Segments       int   `json:"segments" doc:"Segments that will be replayed."`
	FirstTimestamp int64 `json:"firstTimestamp" doc:"When the first of them was last changed, in milliseconds since 1970."`
	LastTimestamp  int64 `json:"lastTimestamp" doc:"When the last of them was last changed, in milliseconds since 1970."`
	PointInTime    int64 `json:"pointInTime" doc:"The point in time as Cassandra understands it, in milliseconds since 1970."`
	// MovedTo has the former commit log; "" where there was none.
	MovedTo string `json:"movedTo,omitempty" doc:"Directory to which the former commit log was moved."`
	Moved   int    `json:"moved" doc:"How many files of it there were."`
}

func (r *CommitLogBackupRequest) complete() []string {
	r.MetadataDirective = strings.ToUpper(r.MetadataDirective)
	return r.Store.complete()
}

func (r *CommitLogRestoreRequest) complete() []string {
	r.CassandraCommitLogDirectory = cmp.Or(r.CassandraCommitLogDirectory, DefaultCommitLogDirectory)
	r.CassandraConfigDirectory = cmp.Or(r.CassandraConfigDirectory, defaultConfigDirectory)
	return r.Store.complete()
}

// Violations of a backup of a commit log.
func (r *CommitLogBackupRequest) Violations() []Violation {
	var v violations
	v.store(r.Store)
	v.limits(r.Duration, r.Bandwidth)
	return v
}

// latest is the end of the last year that Cassandra can write: 9999.
var latest = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli() - 1

// Violations of a restore of a commit log.
func (r *CommitLogRestoreRequest) Violations() []Violation {
	var v violations
	v.store(r.Store)
	dir := string(r.CommitLogDownloadDir)
	log := string(r.CassandraCommitLogDirectory)
	switch {
	case dir == "": // said by the struct tag
	case strings.ContainsAny(dir, ", \t\r\n\f\\$%"):
		v.add("commitlogDownloadDir", `must not have blanks, commas, \, $ or %%, which mean something to Cassandra`)
	case dir == log || strings.HasPrefix(dir, log+"/") || strings.HasPrefix(log, dir+"/"):
		v.add("commitlogDownloadDir", "must not lie in cassandraCommitLogDirectory, nor hold it")
	}
	if r.TimestampEnd > latest {
		v.add("timestampEnd", "is after the year 9999; it is in milliseconds")
	}
	if r.TimestampEnd > 0 && r.TimestampStart > r.TimestampEnd {
		v.add("timestampStart", "is after timestampEnd")
	}
	entities, err := ParseEntities(r.KeyspaceTables)
	v.check("keyspaceTables", err)
	if len(entities.Keyspaces) > 0 {
		v.add("keyspaceTables", `%s is a keyspace; write tables, as "ks1.t1,ks2.t2"`, entities.Keyspaces[0])
	}
	return v
}
