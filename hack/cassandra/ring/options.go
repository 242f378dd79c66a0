package ring

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/icarus-sidecar/icarus/hack/cache"
)

// pinned are the releases that are fetched for a short version.
var pinned = map[string]string{"3.11": "3.11.19", "4.0": "4.0.19", "4.1": "4.1.10", "5.0": "5.0.9"}

// DefaultVersion is what runs unless Options say otherwise.
const DefaultVersion = "4.1.10"

// JMXMode says how the JMX port of the nodes is guarded.
type JMXMode string

// The ways to guard JMX. Each adds to the one before.
const (
	// JMXOpen asks for nothing.
	JMXOpen JMXMode = "none"
	// JMXPassword asks for JMXUser, or JMXReader who may only read.
	JMXPassword JMXMode = "password"
	// JMXTLS asks for a password, inside TLS: the registry, too.
	JMXTLS JMXMode = "tls"
	// JMXMutualTLS asks the client for a certificate as well.
	JMXMutualTLS JMXMode = "mtls"
)

// The accounts of a guarded JMX port, and the one of CQL with Authentication.
const (
	JMXUser           = "jmxuser"
	JMXUserPassword   = "jmxpass"
	JMXReader         = "jmxro"
	JMXReaderPassword = "jmxropass"
	CQLUser           = "cassandra"
	CQLPassword       = "cassandra"
)

// Place is where a node stands.
type Place struct {
	DC   string `json:"dc"`
	Rack string `json:"rack"`
}

// Options describe a ring. The zero value is one node of DefaultVersion at
// 127.0.0.1.
type Options struct {
	// Version is a release, or 3.11, 4.0, 4.1, 5.0 for the pinned one of it.
	Version string `json:"version"`
	// Nodes is how many there are.
	Nodes int `json:"nodes"`
	// Dir is the run directory. Up empties it.
	Dir string `json:"dir"`
	// Cluster is the name of the cluster.
	Cluster string `json:"cluster"`
	// Subnet is the first three numbers of the addresses: node i is Subnet.i.
	Subnet string `json:"subnet"`
	// The ports are the same at every address.
	JMXPort     int `json:"jmxPort"`
	CQLPort     int `json:"cqlPort"`
	StoragePort int `json:"storagePort"`
	// HeapMB is the heap of each node; its process takes about 400 MB more.
	HeapMB int `json:"heapMB"`
	// DataDirs is how many data directories each node has.
	DataDirs int `json:"dataDirs"`
	// Tokens is num_tokens of each node.
	Tokens int `json:"tokens"`
	// JMX guards the JMX port.
	JMX JMXMode `json:"jmx"`
	// Authentication makes CQL ask for CQLUser and CQLPassword.
	Authentication bool `json:"authentication"`
	// Places are where the nodes stand, in order. A missing one is dc1, rack<i>.
	Places []Place `json:"places,omitempty"`
	// Settings are further lines of cassandra.yaml, as YAML values. They win.
	Settings map[string]string `json:"settings,omitempty"`
	// JVMFlags are further arguments of java.
	JVMFlags []string `json:"jvmFlags,omitempty"`
	// ReadyTimeout limits how long the ring may take to be up. It is generous:
	// a busy machine takes ten times as long as a quiet one.
	ReadyTimeout time.Duration `json:"readyTimeout"`
	// DieWithParent kills the nodes when this process ends, however it ends
	// (where the system can do that: Linux).
	DieWithParent bool `json:"dieWithParent"`
	// Output is where progress is told. Nil is nowhere.
	Output io.Writer `json:"-"`
}

// DefaultDir is the run directory of the command line's ring.
func DefaultDir() (string, error) { return cache.Dir("run", "cassandra") }

// withDefaults fills in what is not said, and refuses what cannot be.
func (o Options) withDefaults() (Options, error) {
	set(&o.Version, DefaultVersion)
	if v, ok := pinned[o.Version]; ok {
		o.Version = v
	}
	set(&o.Nodes, 1)
	set(&o.Cluster, "icarus")
	set(&o.Subnet, "127.0.0")
	set(&o.JMXPort, 7199)
	set(&o.CQLPort, 9042)
	set(&o.StoragePort, 7000)
	set(&o.HeapMB, 384)
	set(&o.DataDirs, 1)
	set(&o.Tokens, 16)
	set(&o.JMX, JMXOpen)
	set(&o.ReadyTimeout, 10*time.Minute)
	if o.Output == nil {
		o.Output = io.Discard
	}
	if o.Dir == "" {
		dir, err := DefaultDir()
		if err != nil {
			return o, err
		}
		o.Dir = dir
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return o, fmt.Errorf("finding the run directory: %w", err)
	}
	o.Dir = dir
	for i := len(o.Places); i < o.Nodes; i++ {
		o.Places = append(slices.Clip(o.Places), Place{})
	}
	for i := range o.Places {
		set(&o.Places[i].DC, "dc1")
		set(&o.Places[i].Rack, "rack"+strconv.Itoa(i+1))
	}
	return o, o.check()
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (o Options) check() error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if _, _, err := parseVersion(o.Version); err != nil {
		errs = append(errs, err)
	}
	if o.Nodes < 1 || o.Nodes > 99 {
		refuse("nodes: %d is not between 1 and 99", o.Nodes)
	}
	if a, err := netip.ParseAddr(o.Subnet + ".1"); err != nil || !a.IsLoopback() {
		refuse("subnet: %q is not three numbers of a loopback address, as 127.0.0 is", o.Subnet)
	}
	if o.HeapMB < 128 {
		refuse("heap: %d MB is too little for Cassandra; 256 is the least that was seen to start", o.HeapMB)
	}
	if o.DataDirs < 1 {
		refuse("data directories: %d is less than 1", o.DataDirs)
	}
	if !slices.Contains([]JMXMode{JMXOpen, JMXPassword, JMXTLS, JMXMutualTLS}, o.JMX) {
		refuse("JMX mode: %q is none of none, password, tls, mtls", o.JMX)
	}
	if len(o.Places) > o.Nodes {
		refuse("places: %d are given for %d nodes", len(o.Places), o.Nodes)
	}
	return errors.Join(errs...)
}

// address is where node i (from 1) listens.
func (o Options) address(i int) string { return fmt.Sprintf("%s.%d", o.Subnet, i) }

// legacy is whether this is a 3.x, which has Thrift and wants an older Java.
func (o Options) legacy() bool {
	major, _, err := parseVersion(o.Version)
	return err == nil && major < 4
}

func parseVersion(v string) (major, minor int, err error) {
	parts := strings.SplitN(v, ".", 3)
	if len(parts) == 3 {
		major, err = strconv.Atoi(parts[0])
		if err == nil {
			minor, err = strconv.Atoi(parts[1])
		}
		if err == nil && major >= 3 && !strings.ContainsAny(parts[2], "/\\<> ") {
			return major, minor, nil
		}
	}
	return 0, 0, fmt.Errorf("version: %q is not a release of Cassandra such as %s, and not one of 3.11, 4.0, 4.1, 5.0", v, DefaultVersion)
}
