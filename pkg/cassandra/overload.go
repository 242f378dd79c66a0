package cassandra

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

// infos remembers what the MBeans of tables offer, by release: all tables of a
// node are alike, and a node may come back from a restart as another release.
type infos struct {
	mu        sync.Mutex
	byRelease map[string]*jmx.BeanInfo
}

// tableInfo describes the MBean of any table.
func (n *Node) tableInfo(ctx context.Context, c Conn, bean jmx.ObjectName) (*jmx.BeanInfo, error) {
	a, err := read(ctx, c, storageService, "ReleaseVersion")
	if err != nil {
		return nil, err
	}
	release, err := a.text("ReleaseVersion")
	if err != nil {
		return nil, err
	}
	n.infos.mu.Lock()
	known := n.infos.byRelease[release]
	n.infos.mu.Unlock()
	if known != nil {
		return known, nil
	}
	info, err := c.Info(ctx, bean)
	if err != nil {
		return nil, doing(err, "asking %s what it offers", bean)
	}
	n.infos.mu.Lock()
	defer n.infos.mu.Unlock()
	n.infos.byRelease = map[string]*jmx.BeanInfo{release: info} // the old release does not come back
	return info, nil
}

// hasAttribute reports whether the MBeans of tables have an attribute.
func (n *Node) hasAttribute(ctx context.Context, c Conn, bean jmx.ObjectName, name string) (bool, error) {
	info, err := n.tableInfo(ctx, c, bean)
	if err != nil {
		return false, err
	}
	return slices.Contains(info.Attributes, name), nil
}

// hasOperation reports whether the MBeans of tables have one form of an operation.
func (n *Node) hasOperation(ctx context.Context, c Conn, bean jmx.ObjectName, op string, signature []string) (bool, error) {
	info, err := n.tableInfo(ctx, c, bean)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(info.Operations, func(o jmx.Operation) bool {
		return o.Name == op && slices.Equal(o.Signature, signature)
	}), nil
}

// overload is one form of an operation and the arguments it takes.
type overload struct {
	signature []string
	args      []any
}

// choose finds the first of some forms of an operation that the MBeans of
// tables have.
func (n *Node) choose(ctx context.Context, c Conn, bean jmx.ObjectName, op string, forms ...overload) (overload, error) {
	for _, form := range forms {
		has, err := n.hasOperation(ctx, c, bean, op, form.signature)
		if err != nil {
			return overload{}, err
		}
		if has {
			return form, nil
		}
	}
	return overload{}, fmt.Errorf("%w: it has no %s that is known here", ErrUnsupported, op)
}
