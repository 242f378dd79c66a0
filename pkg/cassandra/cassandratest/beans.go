package cassandratest

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

// connection is the JMX of a fake. Values have the forms in which package jmx
// gives them.
type connection struct{ node *Fake }

func (f *Fake) dial(ctx context.Context) (cassandra.Conn, error) {
	f.ring.mu.Lock()
	defer f.ring.mu.Unlock()
	return connection{f}, f.reach(ctx)
}

// reach fails where no answer would come.
func (f *Fake) reach(ctx context.Context) error {
	if f.down {
		return fmt.Errorf("%w: %s refuses connections: %w", jmx.ErrTransport, f.Address(), syscall.ECONNREFUSED)
	}
	return ctx.Err()
}

// Close does nothing.
func (c connection) Close() error { return nil }

// Attribute reads one.
func (c connection) Attribute(ctx context.Context, bean jmx.ObjectName, name string) (any, error) {
	values, err := c.Attributes(ctx, bean, name)
	if err != nil {
		return nil, err
	}
	v, there := values[name]
	if !there {
		return nil, &jmx.Exception{Class: "javax.management.AttributeNotFoundException", Message: "No such attribute: " + name}
	}
	return v, nil
}

// Attributes reads those that are there.
func (c connection) Attributes(ctx context.Context, bean jmx.ObjectName, names ...string) (map[string]any, error) {
	f := c.node
	f.ring.mu.Lock()
	defer f.ring.mu.Unlock()
	if err := f.reach(ctx); err != nil {
		return nil, err
	}
	all := f.attributes(bean)
	if all == nil {
		return nil, noBean(bean)
	}
	values := map[string]any{}
	for _, name := range names {
		if read, there := all[name]; there {
			v, err := read()
			if err != nil {
				return nil, err
			}
			values[name] = v
		}
	}
	return values, nil
}

func noBean(bean jmx.ObjectName) error {
	// Of the class alone package jmx knows that it is ErrNotFound.
	return &jmx.Exception{Class: "javax.management.InstanceNotFoundException", Message: string(bean)}
}

// Query finds the tables of a pattern, or of a name, and the pools of repairs.
func (c connection) Query(ctx context.Context, pattern string) ([]jmx.ObjectName, error) {
	f := c.node
	f.ring.mu.Lock()
	defer f.ring.mu.Unlock()
	if err := f.reach(ctx); err != nil {
		return nil, err
	}
	found := f.repairPools(pattern)
	for _, t := range f.ring.tables {
		prefix, isPattern := strings.CutSuffix(pattern, "*")
		if name := string(t.bean()); name == pattern || isPattern && strings.HasPrefix(name, prefix) {
			found = append(found, t.bean())
		}
	}
	slices.Sort(found)
	return found, nil
}

func (t *tableSchema) bean() jmx.ObjectName {
	return jmx.ObjectName("org.apache.cassandra.db:type=Tables,keyspace=" + t.keyspace + ",table=" + t.name)
}

// Info describes StorageService, or the MBean of a table.
func (c connection) Info(ctx context.Context, bean jmx.ObjectName) (*jmx.BeanInfo, error) {
	f := c.node
	f.ring.mu.Lock()
	defer f.ring.mu.Unlock()
	if err := f.reach(ctx); err != nil {
		return nil, err
	}
	if bean == storageService {
		return f.storageInfo(), nil
	}
	if f.tableOf(bean) == nil {
		return nil, noBean(bean)
	}
	info := &jmx.BeanInfo{Attributes: []string{"TableName"}}
	add := func(op string, signature ...string) {
		info.Operations = append(info.Operations, jmx.Operation{Name: op, Signature: signature})
	}
	add("loadNewSSTables")
	if f.ring.release.Major >= 4 {
		info.Attributes = append(info.Attributes, "DataPaths")
		add("importNewSSTables", append([]string{"java.util.Set"}, slices.Repeat([]string{"boolean"}, 6)...)...)
		add("importNewSSTables", append([]string{"java.util.Set"}, slices.Repeat([]string{"boolean"}, 7)...)...)
	}
	if f.ring.release.Major >= 5 {
		add("importNewSSTables", append([]string{"java.util.Set"}, slices.Repeat([]string{"boolean"}, 9)...)...)
	}
	return info, nil
}

func (f *Fake) tableOf(bean jmx.ObjectName) *tableSchema {
	for _, t := range f.ring.tables {
		if t.bean() == bean {
			return t
		}
	}
	return nil
}

// attributes are those of an MBean, nil where there is none.
func (f *Fake) attributes(bean jmx.ObjectName) map[string]func() (any, error) {
	is := func(v any) func() (any, error) { return func() (any, error) { return v, nil } }
	switch bean {
	case storageService:
		return f.storageService(is)
	case "org.apache.cassandra.db:type=StorageProxy":
		return map[string]func() (any, error){"SchemaVersions": is(f.schemaVersions())}
	case "org.apache.cassandra.db:type=Commitlog":
		return map[string]func() (any, error){"ActiveSegmentNames": is(list(f.logs...))}
	case "org.apache.cassandra.db:type=EndpointSnitchInfo":
		return map[string]func() (any, error){"Datacenter": is(f.datacenter()), "Rack": is(f.rack())}
	}
	if kept := f.upkeepAttributes(bean); kept != nil {
		return kept
	}
	t := f.tableOf(bean)
	switch {
	case t == nil:
		return nil
	case f.ring.release.Major < 4:
		return map[string]func() (any, error){"TableName": is(t.name)}
	}
	return map[string]func() (any, error){"TableName": is(t.name), "DataPaths": is(list(f.paths(t)...))}
}

func (f *Fake) storageService(is func(v any) func() (any, error)) map[string]func() (any, error) {
	hostIDs, addresses := map[any]any{}, map[any]any{}
	for _, n := range f.ring.nodes {
		hostIDs[n.Address()], addresses[n.HostID()] = n.HostID(), n.Address()
	}
	where := func(is func(n *Fake) bool) []any {
		found := []any{}
		for _, n := range f.ring.nodes {
			if is(n) {
				found = append(found, n.Address())
			}
		}
		return found
	}
	mode := func(mode string) []any { return where(func(n *Fake) bool { return n.mode == mode }) }
	all := map[string]func() (any, error){
		"ClusterName": is(f.ring.options.Cluster), "ReleaseVersion": is(f.ring.options.Release),
		"LocalHostId": is(f.HostID()), "Tokens": is(f.tokens()), "OperationMode": is(f.mode), "SchemaVersion": is(f.schemaVersion()),
		"EndpointToHostId": is(hostIDs), "HostIdToEndpoint": is(addresses),
		"LiveNodes":        is(where(func(n *Fake) bool { return !n.down })),
		"UnreachableNodes": is(where(func(n *Fake) bool { return n.down })),
		"JoiningNodes":     is(mode(cassandra.StateJoining)),
		"LeavingNodes":     is(mode(cassandra.StateLeaving)),
		"MovingNodes":      is(mode(cassandra.StateMoving)),
		"Keyspaces":        is(list(f.ring.keyspaces...)), "AllDataFileLocations": is(slices.Clone(f.dataDirs)), "CommitLogLocation": is(f.logDir),
		"SnapshotDetails": f.snapshotDetails, "RemovalStatus": is(f.removalStatus()),
	}
	if f.ring.release.Major >= 4 {
		all["NonLocalSystemKeyspacesDataFileLocations"] = all["AllDataFileLocations"]
	}
	return all
}

func (f *Fake) schemaVersions() map[any]any {
	versions := map[any]any{}
	for _, n := range f.ring.nodes {
		version := n.schemaVersion()
		if n.down {
			version = "UNREACHABLE"
		}
		addresses, _ := versions[version].([]any)
		versions[version] = append(addresses, n.Address())
	}
	return versions
}

// snapshotDetails have the tags alone, and no tables of what is in them.
func (f *Fake) snapshotDetails() (any, error) {
	dirs, err := f.snapshots()
	details := map[any]any{}
	for _, dir := range dirs {
		details[filepath.Base(dir)] = []map[string]any{}
	}
	return details, err
}

func list(texts ...string) []any {
	all := make([]any, 0, len(texts))
	for _, text := range texts {
		all = append(all, text)
	}
	return all
}
