package cassandratest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

// Invoke runs an operation.
func (c connection) Invoke(ctx context.Context, bean jmx.ObjectName, op string, signature []string, args ...any) (any, error) {
	f := c.node
	f.ring.mu.Lock()
	defer f.ring.mu.Unlock()
	if err := f.reach(ctx); err != nil {
		return nil, err
	}
	form := op + "(" + strings.Join(signature, ",") + ")"
	run, there := operations[form]
	if kept, is := f.upkeepOperation(form); is {
		run, there = kept, true
	}
	if !there || strings.HasPrefix(form, "importNewSSTables") && f.ring.release.Major < 4 {
		return nil, &jmx.Exception{
			Class: "javax.management.ReflectionException", Message: "No such operation: " + form,
			Cause: &jmx.Exception{Class: "java.lang.NoSuchMethodException", Message: form},
		}
	}
	return run(f, bean, args)
}

// operations are known by their whole signatures.
var operations = map[string]func(f *Fake, bean jmx.ObjectName, args []any) (any, error){
	"getDatacenter(java.lang.String)": func(f *Fake, _ jmx.ObjectName, args []any) (any, error) {
		return f.where(args[0], (*Fake).datacenter)
	},
	"getRack(java.lang.String)": func(f *Fake, _ jmx.ObjectName, args []any) (any, error) {
		return f.where(args[0], (*Fake).rack)
	},
	"takeSnapshot(java.lang.String,java.util.Map,[Ljava.lang.String;)": func(f *Fake, _ jmx.ObjectName, args []any) (any, error) {
		return nil, f.takeSnapshot(args[0].(string), args[2].([]string))
	},
	"clearSnapshot(java.lang.String,[Ljava.lang.String;)": func(f *Fake, _ jmx.ObjectName, args []any) (any, error) {
		return nil, f.clearSnapshot(args[0].(string), args[1].([]string))
	},
	"truncate(java.lang.String,java.lang.String)": func(f *Fake, _ jmx.ObjectName, args []any) (any, error) {
		return nil, f.each(args[0], args[1:], func(t *tableOn) error { return f.truncate(t.tableSchema) })
	},
	"loadNewSSTables(java.lang.String,java.lang.String)": func(f *Fake, _ jmx.ObjectName, args []any) (any, error) {
		return nil, f.each(args[0], args[1:], (*tableOn).load)
	},
	"forceKeyspaceFlush(java.lang.String,[Ljava.lang.String;)": func(f *Fake, _ jmx.ObjectName, args []any) (any, error) {
		return nil, f.each(args[0], anys(args[1]), (*tableOn).flush)
	},
	"forceKeyspaceCleanup(int,java.lang.String,[Ljava.lang.String;)": func(f *Fake, _ jmx.ObjectName, args []any) (any, error) {
		if keyspace := args[1].(string); cassandra.IsLocal(keyspace) {
			return nil, thrown("java.lang.RuntimeException", "Cleanup of the system keyspace is neither necessary nor wise")
		}
		return f.compacted(args[1], args[2])
	},
	"importNewSSTables(java.util.Set,boolean,boolean,boolean,boolean,boolean,boolean,boolean)": importNew,
}

// importNew has its arguments in the order of the signature.
func importNew(f *Fake, bean jmx.ObjectName, args []any) (any, error) {
	t := f.tableOf(bean)
	if t == nil {
		return nil, noBean(bean)
	}
	if copies := args[7].(bool); !copies {
		return nil, fmt.Errorf("importing into %s: a fake has no import that moves", bean)
	}
	return f.on(t).importFrom(args[0].(jmx.Set), importOptions{resetLevel: args[1].(bool), verify: args[3].(bool)})
}

// each does something for some tables of a keyspace, for all if none is named.
func (f *Fake) each(keyspace any, names []any, do func(t *tableOn) error) error {
	for _, t := range f.ring.tables {
		if t.keyspace != keyspace || len(names) > 0 && !slices.Contains(names, any(t.name)) {
			continue
		}
		if err := do(f.on(t)); err != nil {
			return err
		}
	}
	return nil
}

func anys(v any) []any { return list(v.([]string)...) }

// where tells it of a node by its address.
func (f *Fake) where(address any, tell func(n *Fake) string) (any, error) {
	i := slices.IndexFunc(f.ring.nodes, func(n *Fake) bool { return n.Address() == address })
	if i < 0 {
		return nil, thrown("java.lang.RuntimeException", "Unknown host %v", address)
	}
	return tell(f.ring.nodes[i]), nil
}
