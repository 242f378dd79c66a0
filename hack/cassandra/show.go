package main

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
)

// show lists the nodes, and how to reach them.
func show(out io.Writer, r *ring.Ring) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tSTATE\tPID\tDC\tRACK\tCQL\tJMX\tDIRECTORY")
	for _, n := range r.Nodes {
		state := "down"
		if n.Running() {
			state = "up"
		}
		fmt.Fprintf(w, "%d\t%s\t%d\t%s\t%s\t%s\t%s\t%s\n", n.Index, state, n.PID, n.DC, n.Rack, n.CQL, n.JMX, n.Dir)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nCassandra %s, cluster %s", r.Options.Version, r.Options.Cluster)
	if r.Options.Authentication {
		fmt.Fprintf(out, "; CQL %s/%s", ring.CQLUser, ring.CQLPassword)
	}
	if r.Options.JMX != ring.JMXOpen {
		fmt.Fprintf(out, "; JMX %s/%s", ring.JMXUser, ring.JMXUserPassword)
	}
	if r.Options.JMX == ring.JMXTLS || r.Options.JMX == ring.JMXMutualTLS {
		fmt.Fprintf(out, "\nTLS: trust %s (or %s, %s)", r.TLS.CA, r.TLS.TrustStore, ring.StorePassword)
		fmt.Fprintf(out, "\n     client %s, %s (or %s)", r.TLS.ClientCert, r.TLS.ClientKey, r.TLS.ClientKeys)
	}
	_, err := fmt.Fprintln(out)
	return err
}

// logs shows the ends of the logs, of one node or all.
func logs(out io.Writer, r *ring.Ring, node int) error {
	nodes := r.Nodes
	if node != 0 {
		n, err := r.Node(node)
		if err != nil {
			return err
		}
		nodes = []*ring.Node{n}
	}
	const shown = 4 << 10 // the end that fits a screen
	for _, n := range nodes {
		for _, path := range []string{n.StdoutLog(), n.SystemLog()} {
			text, err := os.ReadFile(path)
			if err != nil {
				return fmt.Errorf("reading a log of node %d: %w", n.Index, err)
			}
			fmt.Fprintf(out, "==> %s (%d bytes) <==\n%s\n", path, len(text), text[max(0, len(text)-shown):])
		}
	}
	return nil
}
