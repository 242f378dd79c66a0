package cassandratest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

const storageService jmx.ObjectName = "org.apache.cassandra.db:type=StorageService"

// upkeep is what a node has of work that is neither backup nor restore.
type upkeep struct {
	result      int32
	compactions []cassandra.Compaction
	streams     []cassandra.Stream
	listeners   []*listener
	repairs     int32
	fault       string // of repairs
	queued      int64  // compactions that wait
	repairing   bool   // the last repair goes on
	removing    bool
	lives       int64 // that the process had before
}

// SetCompactions are those that the node says to run. StopCompaction takes one
// away.
func (f *Fake) SetCompactions(running ...cassandra.Compaction) {
	f.change(func() { f.compactions = running })
}

// SetQueued is how many compactions wait for others.
func (f *Fake) SetQueued(n int64) { f.change(func() { f.queued = n }) }

// SetRepairing says whether the node is at a repair still: the last that was
// asked for.
func (f *Fake) SetRepairing(is bool) { f.change(func() { f.repairing = is }) }

// SetRemoving says whether the node takes another out of the ring.
func (f *Fake) SetRemoving(is bool) { f.change(func() { f.removing = is }) }

// SetStreams are those that the node says to run. All of it counts as received.
func (f *Fake) SetStreams(running ...cassandra.Stream) { f.change(func() { f.streams = running }) }

// SetResult is what work on SSTables results in: 0 is success, 1 that it was
// aborted, 2 that SSTables were taken.
func (f *Fake) SetResult(result int32) { f.change(func() { f.result = result }) }

// FailRepairs makes repairs fail for a reason, from now on, until it is "".
func (f *Fake) FailRepairs(reason string) { f.change(func() { f.fault = reason }) }

// listener receives notifications.
type listener struct{ notifications chan jmx.Notification }

// Listen receives what is told of repairs.
func (c connection) Listen(ctx context.Context, _ jmx.ObjectName) (cassandra.Notifications, error) {
	f := c.node
	f.ring.mu.Lock()
	defer f.ring.mu.Unlock()
	if err := f.reach(ctx); err != nil {
		return nil, err
	}
	l := &listener{make(chan jmx.Notification, 1000)}
	f.listeners = append(f.listeners, l)
	return l, nil
}

// Next waits for a notification.
func (l *listener) Next(ctx context.Context) (jmx.Notification, error) {
	select {
	case n := <-l.notifications:
		return n, nil
	case <-ctx.Done():
		return jmx.Notification{}, ctx.Err()
	}
}

// Lost is none.
func (l *listener) Lost() int64 { return 0 }

// tell tells of the repair with the current number.
func (f *Fake) tell(event, done, total int32, message string) {
	for _, l := range f.listeners {
		l.notifications <- jmx.Notification{
			Type: "progress", Message: message, Source: fmt.Sprintf("repair:%d", f.repairs),
			UserData: map[any]any{"type": event, "progressCount": done, "total": total},
		}
	}
}

// repair is the operation: it is over when it returns, and has been told of, unless
// the node is to be at it still.
func (f *Fake) repair() int32 {
	if len(f.ring.nodes) == 1 {
		return 0
	}
	f.repairs++
	f.tell(0, 0, 100, "Starting")
	f.tell(1, 50, 100, "Repair session finished")
	if f.repairing {
		return f.repairs
	}
	if f.fault != "" {
		f.tell(2, 100, 100, f.fault)
	}
	f.tell(5, 100, 100, "Finished") // after an error, too
	return f.repairs
}

func (f *Fake) upkeepAttributes(bean jmx.ObjectName) map[string]func() (any, error) {
	switch bean {
	case "org.apache.cassandra.db:type=CompactionManager":
		running := []any{}
		for _, c := range f.compactions {
			running = append(running, map[any]any{
				"compactionId": c.ID, "taskType": c.Type, "keyspace": c.Keyspace, "columnfamily": c.Table,
				"completed": strconv.FormatInt(c.Done, 10), "total": strconv.FormatInt(c.Total, 10), "unit": "bytes",
			})
		}
		return map[string]func() (any, error){"Compactions": func() (any, error) { return running, nil }}
	case "org.apache.cassandra.net:type=StreamManager":
		running := []any{}
		for _, s := range f.streams {
			running = append(running, map[string]any{
				"planId": s.ID, "description": s.For, "currentRxBytes": s.BytesDone, "totalRxBytes": s.BytesTotal,
				"currentTxBytes": int64(0), "totalTxBytes": int64(0),
			})
		}
		return map[string]func() (any, error){"CurrentStreams": func() (any, error) { return running, nil }}
	case "org.apache.cassandra.metrics:type=ThreadPools,path=internal,scope=CompactionExecutor,name=PendingTasks":
		return map[string]func() (any, error){"Value": func() (any, error) { return f.queued, nil }}
	case "java.lang:type=Runtime":
		return map[string]func() (any, error){
			"StartTime":      func() (any, error) { return 1700000000000 + f.lives, nil },
			"InputArguments": func() (any, error) { return list("-Xmx1G"), nil },
			"ClassPath":      func() (any, error) { return strings.Join(f.classPath, ":"), nil },
		}
	}
	return nil
}

// repairPools are the MBeans of a repair that runs, if they are of a pattern.
func (f *Fake) repairPools(pattern string) []jmx.ObjectName {
	name := fmt.Sprintf("org.apache.cassandra.metrics:type=ThreadPools,path=internal,scope=Repair#%d,name=ActiveTasks", f.repairs)
	before, after, isPattern := strings.Cut(pattern, "*")
	matches := name == pattern || isPattern && strings.HasPrefix(name, before) && strings.HasSuffix(name, after)
	if !f.repairing || !matches {
		return nil
	}
	return []jmx.ObjectName{jmx.ObjectName(name)}
}

// removalStatus is in the words of Cassandra.
func (f *Fake) removalStatus() string {
	if !f.removing {
		return "No token removals in process."
	}
	return "Removing token (1). Waiting for replication confirmation from [/127.0.0.3]."
}

// compacted is the result of work on the SSTables of tables.
func (f *Fake) compacted(keyspace, tables any) (any, error) {
	return f.result, f.each(keyspace, anys(tables), (*tableOn).flush)
}

// form is one form of an operation, from a release on, and perhaps before another.
type form struct {
	since, until int
	run          func(f *Fake, args []any) (any, error)
}

// last2 works on the keyspace and the tables that end the arguments.
func last2(f *Fake, args []any) (any, error) {
	return f.compacted(args[len(args)-2], args[len(args)-1])
}

// keyspaceFirst works on a keyspace that begins the arguments and tables that end them.
func keyspaceFirst(f *Fake, args []any) (any, error) { return f.compacted(args[0], args[len(args)-1]) }

// nothing returns nothing, whatever the result would be.
func nothing(run func(f *Fake, args []any) (any, error)) func(f *Fake, args []any) (any, error) {
	return func(f *Fake, args []any) (any, error) {
		_, err := run(f, args)
		return nil, err
	}
}

const (
	text  = "java.lang.String"
	texts = "[Ljava.lang.String;"
	flag  = "boolean"
)

// upkeepForms are known by their whole signatures.
var upkeepForms = map[string]form{
	"scrub(" + join(4, flag, "int", text, texts) + ")":                   {run: last2},
	"scrub(" + join(3, flag, "int", text, texts) + ")":                   {run: last2},
	"upgradeSSTables(" + join(1, text, flag, "int", texts) + ")":         {run: keyspaceFirst},
	"verify(" + join(1, flag, text, texts) + ")":                         {run: last2},
	"verify(" + join(6, flag, text, texts) + ")":                         {since: 4, run: last2},
	"garbageCollect(" + join(1, text, "int", text, texts) + ")":          {run: last2},
	"forceKeyspaceCompaction(" + join(1, flag, text, texts) + ")":        {run: nothing(last2)},
	"forceKeyspaceCompactionForTokenRange(" + join(3, text, texts) + ")": {run: nothing(keyspaceFirst)},
	"repairAsync(" + join(1, text, "java.util.Map") + ")":                {run: func(f *Fake, _ []any) (any, error) { return f.repair(), nil }},
	"getParentRepairStatus(int)":                                         {since: 4, run: (*Fake).repairStatus},
	"forceTerminateAllRepairSessions()":                                  {run: noop},
	"drain()":                                                            {run: (*Fake).drain},
	"decommission()":                                                     {until: 4, run: (*Fake).decommission},
	"decommission(boolean)":                                              {since: 4, run: (*Fake).decommission},
	"rebuild(" + join(4, text) + ")":                                     {run: (*Fake).rebuild},
	"removeNode(" + text + ")":                                           {run: (*Fake).removeNode},
	"assassinateEndpoint(" + text + ")":                                  {run: (*Fake).assassinate},
	"stopDaemon()":                                                       {run: (*Fake).stopDaemon},
	"stopCompactionById(" + text + ")":                                   {run: (*Fake).stopCompaction},
}

// join is a signature that begins with a type some times.
func join(times int, first string, others ...string) string {
	return strings.Join(append(slices.Repeat([]string{first}, times), others...), ",")
}

func (f *Fake) upkeepOperation(signature string) (run func(*Fake, jmx.ObjectName, []any) (any, error), is bool) {
	of, is := upkeepForms[signature]
	if !is || !of.offeredBy(f.ring.release) {
		return nil, false
	}
	return func(f *Fake, _ jmx.ObjectName, args []any) (any, error) { return of.run(f, args) }, true
}

func (o form) offeredBy(release cassandra.Version) bool {
	return release.Major >= o.since && (o.until == 0 || release.Major < o.until)
}

// storageInfo lists the operations of StorageService, and more.
func (f *Fake) storageInfo() *jmx.BeanInfo {
	info := &jmx.BeanInfo{Attributes: []string{"ReleaseVersion"}}
	for signature, of := range upkeepForms {
		if !of.offeredBy(f.ring.release) {
			continue
		}
		name, types, _ := strings.Cut(strings.TrimSuffix(signature, ")"), "(")
		op := jmx.Operation{Name: name, Signature: []string{}}
		if types != "" {
			op.Signature = strings.Split(types, ",")
		}
		info.Operations = append(info.Operations, op)
	}
	return info
}

func noop(*Fake, []any) (any, error) { return nil, nil } //nolint:nilnil // an operation that returns nothing

func (f *Fake) repairStatus(args []any) (any, error) {
	switch number := args[0].(int32); {
	case number < 1 || number > f.repairs:
		return nil, nil //nolint:nilnil // as Cassandra says that it knows none
	case f.repairing && number == f.repairs:
		return list("IN_PROGRESS"), nil
	case f.fault != "":
		return list("FAILED", f.fault, "Repair command finished with error"), nil
	}
	return list("COMPLETED", "Repair completed successfully"), nil
}

func (f *Fake) drain([]any) (any, error) {
	for _, t := range f.ring.tables {
		if err := f.on(t).flush(); err != nil {
			return nil, err
		}
	}
	f.mode = cassandra.ModeDrained
	return nil, nil //nolint:nilnil // it returns nothing
}

func (f *Fake) decommission([]any) (any, error) {
	if len(f.ring.nodes) == 1 {
		return nil, thrown("java.lang.UnsupportedOperationException", "no other normal nodes in the ring; decommission would be pointless")
	}
	f.mode = cassandra.ModeDecommissioned
	return nil, nil //nolint:nilnil // it returns nothing
}

func (f *Fake) rebuild(args []any) (any, error) {
	if dc := args[0]; dc != nil && !slices.ContainsFunc(f.ring.nodes, func(n *Fake) bool { return n.datacenter() == dc }) {
		return nil, thrown("java.lang.IllegalArgumentException", "Provided datacenter '%v' is not a valid datacenter", dc)
	}
	return nil, nil //nolint:nilnil // it returns nothing
}

func (f *Fake) removeNode(args []any) (any, error) {
	return f.forget(func(n *Fake) bool { return n.HostID() == args[0] })
}

func (f *Fake) assassinate(args []any) (any, error) {
	return f.forget(func(n *Fake) bool { return n.Address() == args[0] })
}

// forget takes a node that is down out of the ring.
func (f *Fake) forget(is func(n *Fake) bool) (any, error) {
	i := slices.IndexFunc(f.ring.nodes, is)
	switch {
	case i < 0:
		return nil, thrown("java.lang.UnsupportedOperationException", "Host ID not found.")
	case !f.ring.nodes[i].down:
		return nil, thrown("java.lang.UnsupportedOperationException", "Node %s is alive", f.ring.nodes[i].Address())
	}
	f.ring.nodes = slices.Delete(slices.Clone(f.ring.nodes), i, i+1) // the test has the slice
	return nil, nil                                                  //nolint:nilnil // it returns nothing
}

func (f *Fake) stopDaemon([]any) (any, error) {
	f.down = true
	return nil, fmt.Errorf("%w: the connection was closed", jmx.ErrTransport)
}

func (f *Fake) stopCompaction(args []any) (any, error) {
	f.compactions = slices.DeleteFunc(f.compactions, func(c cassandra.Compaction) bool { return c.ID == args[0] })
	return nil, nil //nolint:nilnil // it returns nothing
}
