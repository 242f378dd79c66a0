package cassandra

import (
	"context"
	"fmt"
	"regexp"

	"github.com/go-logr/logr"

	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

// The MBeans that every release from 3.11 on has.
const (
	storageService jmx.ObjectName = "org.apache.cassandra.db:type=StorageService"
	storageProxy   jmx.ObjectName = "org.apache.cassandra.db:type=StorageProxy"
	snitch         jmx.ObjectName = "org.apache.cassandra.db:type=EndpointSnitchInfo"
	// tables is the pattern of the MBeans of tables; those of secondary indexes
	// have another type.
	tables = "org.apache.cassandra.db:type=Tables,"
)

// The types in signatures of operations.
const (
	javaString  = "java.lang.String"
	javaStrings = "[Ljava.lang.String;"
	javaMap     = "java.util.Map"
	javaSet     = "java.util.Set"
	javaBoolean = "boolean"
	javaInt     = "int"
)

// Conn is what a Node needs of a JMX connection.
type Conn interface {
	Attribute(ctx context.Context, bean jmx.ObjectName, name string) (any, error)
	Attributes(ctx context.Context, bean jmx.ObjectName, names ...string) (map[string]any, error)
	Invoke(ctx context.Context, bean jmx.ObjectName, op string, signature []string, args ...any) (any, error)
	Query(ctx context.Context, pattern string) ([]jmx.ObjectName, error)
	Info(ctx context.Context, bean jmx.ObjectName) (*jmx.BeanInfo, error)
	Close() error
}

// Listener is a Conn over which MBeans tell what happens. Only repairs need it.
type Listener interface {
	// Listen begins to receive what an MBean tells. It ends with the connection.
	Listen(ctx context.Context, bean jmx.ObjectName) (Notifications, error)
}

// Notifications are what an MBean tells. A *jmx.Subscription has them.
type Notifications interface {
	Next(ctx context.Context) (jmx.Notification, error)
	// Lost is how many were thrown away before they were fetched, at most.
	Lost() int64
}

// client is a *jmx.Client as a Conn and Listener.
type client struct{ *jmx.Client }

// Listen is Subscribe.
func (c client) Listen(ctx context.Context, bean jmx.ObjectName) (Notifications, error) {
	s, err := c.Subscribe(ctx, bean)
	if err != nil {
		return nil, err // not a nil subscription in an interface that is not nil
	}
	return s, nil
}

// Node is one Cassandra node. Its methods may be called from any goroutine.
type Node struct {
	dial  func(ctx context.Context) (Conn, error)
	infos infos
}

// New returns the node that dial connects to.
func New(dial func(ctx context.Context) (*jmx.Client, error)) *Node {
	return Over(func(ctx context.Context) (Conn, error) {
		c, err := dial(ctx)
		if err != nil {
			return nil, err // not a nil client in a Conn that is not nil
		}
		return client{c}, nil
	})
}

// Over is New for connections of another kind.
func Over(dial func(ctx context.Context) (Conn, error)) *Node {
	return &Node{dial: dial}
}

// with runs do on a connection of its own.
func (n *Node) with(ctx context.Context, do func(c Conn) error) error {
	c, err := n.dial(ctx)
	if err != nil {
		return fmt.Errorf("connecting to Cassandra over JMX: %w", err)
	}
	defer func() {
		// What was asked has been answered; a connection that does not close
		// well takes nothing of that back.
		if err := c.Close(); err != nil {
			logr.FromContextOrDiscard(ctx).V(1).Info("Closing the JMX connection", "reason", err.Error())
		}
	}()
	return do(c)
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9_]{1,222}$`)

// checkNames refuses what no keyspace and no table can be called. Inside the
// name of an MBean such a word could mean another one, or a pattern.
func checkNames(names ...string) error {
	for _, name := range names {
		if !nameForm.MatchString(name) {
			return fmt.Errorf("%w: %.300q is not a name of a keyspace or table: letters, digits and _ are, at most 222", ErrInvalid, name)
		}
	}
	return nil
}

// tableBean is the MBean of a table whose names were checked.
func tableBean(keyspace, table string) jmx.ObjectName {
	return jmx.ObjectName(tables + "keyspace=" + keyspace + ",table=" + table)
}
