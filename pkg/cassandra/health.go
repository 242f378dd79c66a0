package cassandra

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// unreachable is the key of SchemaVersions under which Cassandra lists nodes
// that did not answer.
const unreachable = "UNREACHABLE"

// SchemaVersion reads the version of the node's schema, a UUID.
func (n *Node) SchemaVersion(ctx context.Context) (string, error) {
	return n.text(ctx, "SchemaVersion")
}

// SchemaAgreement lists the nodes by the version of the schema that they have,
// and under UNREACHABLE the members of the ring that did not answer. The ring
// agrees where there is one key.
func (n *Node) SchemaAgreement(ctx context.Context) (versions map[string][]string, err error) {
	err = n.with(ctx, func(c Conn) error {
		versions, err = schemaVersions(ctx, c)
		return err
	})
	return versions, err
}

func schemaVersions(ctx context.Context, c Conn) (map[string][]string, error) {
	a, err := read(ctx, c, storageProxy, "SchemaVersions")
	if err != nil {
		return nil, err
	}
	versions, err := a.lists("SchemaVersions")
	if err != nil || versions[unreachable] == nil {
		return versions, err
	}
	own, err := read(ctx, c, storageService, "EndpointToHostId")
	if err != nil {
		return nil, err
	}
	if versions[unreachable], err = own.membersAmong(versions[unreachable]); err != nil {
		return nil, err
	}
	if len(versions[unreachable]) == 0 {
		delete(versions, unreachable)
	}
	return versions, nil
}

// membersAmong are those addresses that belong to members of the ring, of which
// EndpointToHostId has all. Gossip remembers a node that has left for three days
// and holds it for down, but nothing waits for it any more: Cassandra itself does
// not, when it truncates.
func (a attributes) membersAmong(addresses []string) ([]string, error) {
	members, err := a.pairs("EndpointToHostId")
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(addresses), func(address string) bool {
		_, member := members[address]
		return !member
	}), nil
}

// CheckHealth asks whether the node and its ring are fit for what changes data
// on all of them: this node NORMAL, every node up and staying, one schema. What
// is not so comes together in one HealthError.
func (n *Node) CheckHealth(ctx context.Context) error {
	var reasons []string
	err := n.with(ctx, func(c Conn) error {
		nodes, err := nodeReasons(ctx, c)
		if err != nil {
			return err
		}
		versions, err := schemaVersions(ctx, c)
		if err != nil {
			return err
		}
		reasons = append(nodes, schemaReasons(versions)...)
		return nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("checking the health of the ring: %w", err)
	case len(reasons) > 0:
		return &HealthError{Reasons: reasons}
	}
	return nil
}

const unreachableNodes = "UnreachableNodes"

func nodeReasons(ctx context.Context, c Conn) ([]string, error) {
	changing := []struct{ attribute, what string }{
		{unreachableNodes, "down"},
		{"JoiningNodes", "joining"},
		{"LeavingNodes", "leaving"},
		{"MovingNodes", "moving"},
	}
	a, err := read(ctx, c, storageService, "OperationMode", "EndpointToHostId",
		unreachableNodes, "JoiningNodes", "LeavingNodes", "MovingNodes")
	if err != nil {
		return nil, err
	}
	var reasons []string
	mode, err := a.text("OperationMode")
	if err != nil {
		return nil, err
	}
	if mode != StateNormal {
		reasons = append(reasons, fmt.Sprintf("this node is %s, not NORMAL", mode))
	}
	for _, ch := range changing {
		addresses, err := a.list(ch.attribute)
		if err != nil {
			return nil, err
		}
		if ch.attribute == unreachableNodes {
			if addresses, err = a.membersAmong(addresses); err != nil {
				return nil, err
			}
		}
		if len(addresses) > 0 {
			reasons = append(reasons, ch.what+": "+strings.Join(addresses, ", "))
		}
	}
	return reasons, nil
}

func schemaReasons(versions map[string][]string) []string {
	var reasons []string
	if silent := versions[unreachable]; len(silent) > 0 {
		reasons = append(reasons, "asked for their schema, these did not answer: "+strings.Join(silent, ", "))
	}
	var parts []string
	for _, version := range slices.Sorted(maps.Keys(versions)) {
		if version != unreachable {
			parts = append(parts, fmt.Sprintf("%s on %s", version, strings.Join(versions[version], ", ")))
		}
	}
	if len(parts) > 1 {
		reasons = append(reasons, "the schema is not the same everywhere: "+strings.Join(parts, "; "))
	}
	return reasons
}
