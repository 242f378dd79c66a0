package cassandra

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

// infos remembers what the MBeans of one release offer: all tables of a node are
// alike, and a node may come back from a restart as another release.
type infos struct {
	mu      sync.Mutex
	release string
	byBean  map[jmx.ObjectName]*jmx.BeanInfo
}

// info describes an MBean, or the MBean of any table.
func (n *Node) info(ctx context.Context, c Conn, bean jmx.ObjectName) (*jmx.BeanInfo, error) {
	a, err := read(ctx, c, storageService, "ReleaseVersion")
	if err != nil {
		return nil, err
	}
	release, err := a.text("ReleaseVersion")
	if err != nil {
		return nil, err
	}
	key := bean
	if strings.HasPrefix(string(bean), tables) {
		key = tables
	}
	n.infos.mu.Lock()
	if n.infos.release != release { // the old one does not come back
		n.infos.release, n.infos.byBean = release, map[jmx.ObjectName]*jmx.BeanInfo{}
	}
	known := n.infos.byBean[key]
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
	if n.infos.release == release {
		n.infos.byBean[key] = info
	}
	return info, nil
}

// hasAttribute reports whether an MBean has an attribute.
func (n *Node) hasAttribute(ctx context.Context, c Conn, bean jmx.ObjectName, name string) (bool, error) {
	info, err := n.info(ctx, c, bean)
	if err != nil {
		return false, err
	}
	return slices.Contains(info.Attributes, name), nil
}

// hasOperation reports whether an MBean has one form of an operation.
func (n *Node) hasOperation(ctx context.Context, c Conn, bean jmx.ObjectName, op string, signature []string) (bool, error) {
	info, err := n.info(ctx, c, bean)
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

// choose finds the first of some forms of an operation that an MBean has.
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

// invoke invokes the first of some forms of an operation that an MBean has.
func (n *Node) invoke(ctx context.Context, c Conn, bean jmx.ObjectName, op string, forms ...overload) (any, error) {
	form, err := n.choose(ctx, c, bean, op, forms...)
	if err != nil {
		return nil, err
	}
	return c.Invoke(ctx, bean, op, form.signature, form.args...)
}
