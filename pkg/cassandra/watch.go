package cassandra

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

const (
	compactionManager jmx.ObjectName = "org.apache.cassandra.db:type=CompactionManager"
	streamManager     jmx.ObjectName = "org.apache.cassandra.net:type=StreamManager"
	compactionsQueued jmx.ObjectName = "org.apache.cassandra.metrics:type=ThreadPools,path=internal,scope=CompactionExecutor,name=PendingTasks"
	javaRuntime       jmx.ObjectName = "java.lang:type=Runtime"
)

// The types of compactions that are asked for, as Compactions names them.
const (
	CompactionCleanup = "Cleanup"
	CompactionScrub   = "Scrub"
	CompactionUpgrade = "Upgrade sstables"
	CompactionGarbage = "Remove deleted data"
	CompactionVerify  = "Verify"
	// CompactionMinor is what a major one is called too, before 5.0.
	CompactionMinor = "Compaction"
	CompactionMajor = "Major compaction"
)

// Compaction is work on SSTables that runs, whatever its type.
type Compaction struct {
	ID, Type, Keyspace, Table string
	// Done of Total, in the same unit, which is bytes for most.
	Done, Total int64
}

// Compactions lists those that run.
func (n *Node) Compactions(ctx context.Context) (running []Compaction, err error) {
	err = n.with(ctx, func(c Conn) error {
		v, err := c.Attribute(ctx, compactionManager, "Compactions")
		if err != nil {
			return err
		}
		list, ok := v.([]any)
		if !ok {
			return fmt.Errorf("the answer is a %T, not a list", v)
		}
		for _, v := range list {
			one, err := compaction(v)
			if err != nil {
				return err
			}
			running = append(running, one)
		}
		return nil
	})
	return running, doing(err, "listing compactions")
}

func compaction(v any) (Compaction, error) {
	told, err := jmx.AsStringMap(v)
	if err != nil {
		return Compaction{}, err
	}
	one := Compaction{ID: told["compactionId"], Type: told["taskType"], Keyspace: told["keyspace"], Table: told["columnfamily"]}
	for name, to := range map[string]*int64{"completed": &one.Done, "total": &one.Total} {
		if *to, err = strconv.ParseInt(told[name], 10, 64); err != nil {
			return Compaction{}, fmt.Errorf("reading %s of compaction %s: %w", name, one.ID, err)
		}
	}
	return one, nil
}

// CompactionsQueued is how many wait for others to be done, which Compactions does
// not list. What for, nothing tells.
func (n *Node) CompactionsQueued(ctx context.Context) (queued int64, err error) {
	err = n.with(ctx, func(c Conn) error {
		v, err := c.Attribute(ctx, compactionsQueued, "Value")
		if err != nil {
			return err
		}
		queued, err = integer(v)
		return err
	})
	return queued, doing(err, "counting the compactions that wait")
}

// StopCompaction stops one that runs. One that is over is no error.
func (n *Node) StopCompaction(ctx context.Context, id string) error {
	return n.with(ctx, func(c Conn) error {
		_, err := c.Invoke(ctx, compactionManager, "stopCompactionById", []string{javaString}, id)
		return doing(err, "stopping compaction %s", id)
	})
}

// What data are streamed for, as Streams names it.
const (
	StreamRebuild      = "Rebuild"
	StreamDecommission = "Unbootstrap"
)

// Stream is data on their way between this node and others.
type Stream struct {
	ID, For string
	// Bytes counts both ways. Total grows while the nodes agree what to send.
	BytesDone, BytesTotal int64
}

// Streams lists those that run.
func (n *Node) Streams(ctx context.Context) (running []Stream, err error) {
	err = n.with(ctx, func(c Conn) error {
		v, err := c.Attribute(ctx, streamManager, "CurrentStreams")
		if err != nil {
			return err
		}
		list, ok := v.([]any)
		if !ok {
			return fmt.Errorf("the answer is a %T, not a set", v)
		}
		for _, v := range list {
			one, err := stream(v)
			if err != nil {
				return err
			}
			running = append(running, one)
		}
		return nil
	})
	return running, doing(err, "listing streams")
}

func stream(v any) (Stream, error) {
	told, ok := v.(map[string]any)
	if !ok {
		return Stream{}, fmt.Errorf("a stream is a %T, not composite data", v)
	}
	var one Stream
	var texts [2]bool
	one.ID, texts[0] = told["planId"].(string)
	one.For, texts[1] = told["description"].(string)
	if !texts[0] || !texts[1] {
		return Stream{}, fmt.Errorf("a stream has the id %v and is for %v, which are no texts", told["planId"], told["description"])
	}
	for name, to := range map[string]*int64{
		"currentRxBytes": &one.BytesDone, "currentTxBytes": &one.BytesDone, "totalRxBytes": &one.BytesTotal, "totalTxBytes": &one.BytesTotal,
	} {
		bytes, ok := told[name].(int64)
		if !ok {
			return Stream{}, fmt.Errorf("%s of stream %s is a %T, not a number", name, one.ID, told[name])
		}
		*to += bytes
	}
	return one, nil
}

// Started is when the Cassandra process was started. What it works at ends with it.
func (n *Node) Started(ctx context.Context) (at time.Time, err error) {
	err = n.with(ctx, func(c Conn) error {
		v, err := c.Attribute(ctx, javaRuntime, "StartTime")
		if err != nil {
			return err
		}
		milliseconds, err := integer(v)
		at = time.UnixMilli(milliseconds).UTC()
		return err
	})
	return at, doing(err, "asking when Cassandra was started")
}
