package cassandra

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

// RepairState is how a repair stands.
type RepairState int

// The states of a repair.
const (
	// RepairUnknown is for one that is over, as far as the node knows of it.
	RepairUnknown RepairState = iota
	RepairRunning
	RepairCompleted
	RepairFailed
)

const (
	parentRepairStatus = "getParentRepairStatus"
	seeLog             = "it failed; Cassandra's log has the reason"
)

// RepairStatus tells how the repair of a number stands, and why one failed. Numbers
// begin anew with each start of Cassandra. Before 4.0, and for the number 0, which
// is any repair that this node has begun, there are only RepairRunning and
// RepairUnknown, and as long as replicas have not answered that they take part it is
// RepairUnknown.
func (n *Node) RepairStatus(ctx context.Context, number int) (state RepairState, reason string, err error) {
	err = n.with(ctx, func(c Conn) error {
		asks, err := n.hasOperation(ctx, c, storageService, parentRepairStatus, []string{javaInt})
		switch {
		case err != nil:
			return err
		case asks && number != 0:
			state, reason, err = repairStatus(ctx, c, int32(number))
			return err
		}
		// Each repair has a pool of threads of its own, as long as it runs.
		which := "*"
		if number != 0 {
			which = strconv.Itoa(number)
		}
		pools, err := c.Query(ctx, "org.apache.cassandra.metrics:type=ThreadPools,path=internal,scope=Repair#"+which+",name=ActiveTasks")
		if len(pools) > 0 {
			state = RepairRunning
		}
		return err
	})
	return state, reason, doing(err, "asking how repair #%d of this node stands", number)
}

// repairStatus asks the node, which remembers a repair for a day.
func repairStatus(ctx context.Context, c Conn, number int32) (RepairState, string, error) {
	v, err := c.Invoke(ctx, storageService, parentRepairStatus, []string{javaInt}, number)
	if err != nil {
		return RepairUnknown, "", err
	}
	status, err := jmx.AsStrings(v)
	if err != nil || len(status) == 0 {
		return RepairUnknown, "", err
	}
	reason := strings.Join(status[1:], "; ")
	switch status[0] {
	case "COMPLETED":
		return RepairCompleted, reason, nil
	case "FAILED":
		return RepairFailed, cmp.Or(reason, seeLog), nil
	}
	return RepairRunning, reason, nil
}

// StopRepairs ends every repair that this node takes part in: Cassandra cannot end
// a single one.
func (n *Node) StopRepairs(ctx context.Context) error {
	return n.with(ctx, func(c Conn) error {
		_, err := c.Invoke(ctx, storageService, "forceTerminateAllRepairSessions", nil)
		return doing(err, "stopping all repairs")
	})
}
