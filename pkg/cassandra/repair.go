package cassandra

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

// ErrNothingToRepair is for a repair that Cassandra sees no need for: no range of
// the keyspace has a second replica.
var ErrNothingToRepair = errors.New("there is nothing to repair: no other node has a replica")

// RepairOptions say what is repaired, and how.
type RepairOptions struct {
	Tables []string
	// Incremental leaves out what was repaired before.
	Incremental bool
	// PrimaryRange repairs only the ranges of which this node is the first replica.
	PrimaryRange bool
	// Parallelism is sequential, parallel or dc_parallel.
	Parallelism string
	// JobThreads is how many tables are repaired at once.
	JobThreads         int
	Ranges             []TokenRange
	Datacenters, Hosts []string
}

// options are as repairAsync reads them. What it takes for granted differs from
// what nodetool does, so all that matters is said.
func (o RepairOptions) options() map[string]string {
	m := map[string]string{
		"parallelism": o.Parallelism, "primaryRange": strconv.FormatBool(o.PrimaryRange),
		"incremental": strconv.FormatBool(o.Incremental), "jobThreads": strconv.Itoa(max(o.JobThreads, 1)),
		"trace": "false", "pullRepair": "false",
	}
	ranges := make([]string, 0, len(o.Ranges))
	for _, r := range o.Ranges {
		ranges = append(ranges, r.Start+":"+r.End)
	}
	for name, list := range map[string][]string{
		"columnFamilies": o.Tables, "ranges": ranges, "dataCenters": o.Datacenters, "hosts": o.Hosts,
	} {
		if len(list) > 0 {
			m[name] = strings.Join(list, ",")
		}
	}
	return m
}

// Repair makes the replicas of a keyspace agree, and returns when they do. begun gets
// the number of the repair, by which RepairStatus knows it, and report the steps
// done, and of how many. When ctx ends it returns, and the repair goes on;
// StopRepairs ends it.
func (n *Node) Repair(ctx context.Context, keyspace string, o RepairOptions, begun func(number int), report func(done, of int)) error {
	return n.onTables(ctx, keyspace, o.Tables, func(c Conn) error {
		what := "repairing " + whole(keyspace, o.Tables)
		listener, ok := c.(Listener)
		if !ok {
			return fmt.Errorf("%s: %w: the connection brings no notifications", what, ErrUnsupported)
		}
		// Cassandra may tell of the repair before its number is here.
		told, err := listener.Listen(ctx, storageService)
		if err != nil {
			return doing(err, "%s", what)
		}
		v, err := c.Invoke(ctx, storageService, "repairAsync", []string{javaString, javaMap}, keyspace, o.options())
		if err != nil {
			return doing(err, "%s", what)
		}
		number, ok := v.(int32)
		switch {
		case !ok:
			return fmt.Errorf("%s: its number is a %T", what, v)
		case number == 0:
			return fmt.Errorf("%s: %w", what, ErrNothingToRepair)
		}
		begun(int(number))
		asks, err := n.hasOperation(ctx, c, storageService, parentRepairStatus, []string{javaInt})
		if err != nil {
			return doing(err, "%s", what)
		}
		r := &repair{c: c, told: told, number: number, asks: asks, report: report}
		return doing(r.await(ctx), "%s (repair #%d of this node)", what, number)
	})
}

// repair is one that Cassandra has begun.
type repair struct {
	c      Conn
	told   Notifications
	number int32
	// asks is whether the release can be asked how it stands.
	asks   bool
	report func(done, of int)
	// failure is what it first said of an error: that it is complete is said
	// after an error, too.
	failure string
}

// repairSilence is how long nothing may be heard before Cassandra is asked.
// Notifications get lost.
const repairSilence = 35 * time.Second

func (r *repair) await(ctx context.Context) error {
	for {
		over, err := r.listen(ctx)
		switch {
		case err != nil:
			return err
		case r.asks:
			if ended, err := r.ask(ctx, over); ended || err != nil {
				return err
			}
		}
		if over {
			return r.verdict()
		}
	}
}

// verdict is what notifications say of a repair that ended.
func (r *repair) verdict() error {
	if r.failure == "" {
		return nil
	}
	return errors.New(r.failure)
}

// The events of a repair, by the numbers that Cassandra gives them.
const (
	repairStart    int32 = 0
	repairProgress int32 = 1
	repairError    int32 = 2
	repairAbort    int32 = 3
	repairComplete int32 = 5
)

// listen returns when the repair is said to be over, or when nothing was heard
// for a while.
func (r *repair) listen(ctx context.Context) (over bool, err error) {
	for {
		limited, cancel := context.WithTimeout(ctx, repairSilence)
		n, err := r.told.Next(limited)
		silent := limited.Err() != nil
		cancel()
		switch {
		case ctx.Err() != nil:
			return false, context.Cause(ctx)
		case err != nil && silent:
			if lost := r.told.Lost(); lost > 0 && !r.asks {
				return false, fmt.Errorf("%d notifications were thrown away, and this release tells in no other way how a repair ends", lost)
			}
			return false, nil
		case err != nil:
			return false, err
		}
		if r.hear(n) {
			return true, nil
		}
	}
}

// hear takes one notification, and reports whether it is the last.
func (r *repair) hear(n jmx.Notification) (last bool) {
	data, ok := n.UserData.(map[any]any)
	if !ok || n.Type != "progress" || n.Source != fmt.Sprintf("repair:%d", r.number) {
		return false // of another repair, or in the older form that 3.11 sends too
	}
	switch event, _ := data["type"].(int32); event {
	case repairStart, repairProgress:
		done, ok1 := data["progressCount"].(int32)
		of, ok2 := data["total"].(int32)
		if ok1 && ok2 && of > 0 {
			r.report(int(done), int(of))
		}
	case repairError, repairAbort:
		r.failure = cmp.Or(r.failure, n.Message, seeLog)
	case repairComplete:
		return true
	}
	return false
}

// ask asks Cassandra how the repair stands. over is whether it was said to be.
func (r *repair) ask(ctx context.Context, over bool) (ended bool, err error) {
	state, reason, err := repairStatus(ctx, r.c, r.number)
	switch {
	case err != nil:
		return false, err
	case state == RepairUnknown && !over:
		return false, errors.New("the node does not know it any more, as if it had been restarted")
	case state == RepairUnknown, state == RepairCompleted:
		return true, r.verdict()
	case state == RepairFailed:
		return true, errors.New(cmp.Or(reason, r.failure, seeLog))
	}
	return false, nil
}
