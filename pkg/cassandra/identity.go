package cassandra

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Identity says which node of which cluster this is.
type Identity struct {
	// ClusterName as it stands in paths and documents: each run of blanks in
	// the configured name is one "-".
	ClusterName string
	Datacenter  string
	Rack        string
	HostID      string
	// Address of the node in the ring; empty until it has joined.
	Address        string
	ReleaseVersion string
	// Tokens are sorted as texts, as manifests have them.
	Tokens []string
}

// Identity reads who the node is.
func (n *Node) Identity(ctx context.Context) (Identity, error) {
	var id Identity
	err := n.with(ctx, func(c Conn) error {
		own, err := read(ctx, c, storageService, "ClusterName", "LocalHostId", "ReleaseVersion", "Tokens", "HostIdToEndpoint")
		if err != nil {
			return err
		}
		place, err := read(ctx, c, snitch, "Datacenter", "Rack")
		if err != nil {
			return err
		}
		id, err = identity(own, place)
		return err
	})
	if err != nil {
		return Identity{}, fmt.Errorf("asking the node who it is: %w", err)
	}
	return id, nil
}

func identity(own, place attributes) (id Identity, err error) {
	texts := []struct {
		of   attributes
		name string
		to   *string
	}{
		{own, "ClusterName", &id.ClusterName},
		{own, "LocalHostId", &id.HostID},
		{own, "ReleaseVersion", &id.ReleaseVersion},
		{place, "Datacenter", &id.Datacenter},
		{place, "Rack", &id.Rack},
	}
	for _, t := range texts {
		if *t.to, err = t.of.text(t.name); err != nil {
			return Identity{}, err
		}
		if *t.to == "" { // it would be lost in a path
			return Identity{}, fmt.Errorf("reading %s of %s: it is empty", t.name, t.of.bean)
		}
	}
	id.ClusterName = strings.Join(strings.Fields(id.ClusterName), "-")
	if id.Tokens, err = own.list("Tokens"); err != nil {
		return Identity{}, err
	}
	addresses, err := own.pairs("HostIdToEndpoint")
	if err != nil {
		return Identity{}, err
	}
	id.Address = addresses[id.HostID]
	return id, nil
}

// Version is the release of Cassandra.
type Version struct {
	Major, Minor, Patch int
	// PreRelease are the labels after a "-", such as rc1 or SNAPSHOT.
	PreRelease []string
}

// String has all three numbers, also where Cassandra leaves out the patch.
func (v Version) String() string {
	s := fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
	if len(v.PreRelease) > 0 {
		s += "-" + strings.Join(v.PreRelease, "-")
	}
	return s
}

// versionForm is 4.1.10, 5.0-rc1-SNAPSHOT, 4.0~beta2 or 3.11.19+build.5.
var versionForm = regexp.MustCompile(`^(\d+)\.(\d+)(?:\.(\d+))?(?:\.\d+)?((?:[-~][A-Za-z0-9.]+)*)(?:\+.*)?$`)

// ParseVersion reads a release version.
func ParseVersion(s string) (Version, error) {
	parts := versionForm.FindStringSubmatch(s)
	if parts == nil {
		return Version{}, fmt.Errorf("%w: %.100q is not a release version of Cassandra", ErrInvalid, s)
	}
	var v Version
	for i, number := range []*int{&v.Major, &v.Minor, &v.Patch} {
		digits := parts[i+1]
		if digits == "" {
			continue // 5.0-rc1 has no patch
		}
		var err error
		if *number, err = strconv.Atoi(digits); err != nil {
			return Version{}, fmt.Errorf("%w: %.100q is not a release version of Cassandra: %w", ErrInvalid, s, err)
		}
	}
	v.PreRelease = strings.FieldsFunc(parts[4], func(r rune) bool { return r == '-' || r == '~' || r == '.' })
	return v, nil
}

// Version reads the node's release.
func (n *Node) Version(ctx context.Context) (Version, error) {
	release, err := n.text(ctx, "ReleaseVersion")
	if err != nil {
		return Version{}, err
	}
	return ParseVersion(release)
}

// OperationMode reads what the node is at, such as NORMAL or DRAINED.
func (n *Node) OperationMode(ctx context.Context) (string, error) {
	return n.text(ctx, "OperationMode")
}

// text reads one attribute of StorageService.
func (n *Node) text(ctx context.Context, name string) (text string, err error) {
	err = n.with(ctx, func(c Conn) error {
		a, err := read(ctx, c, storageService, name)
		if err != nil {
			return err
		}
		text, err = a.text(name)
		return err
	})
	return text, err
}
