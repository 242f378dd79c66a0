package store

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// Provider is the kind of a store, the scheme of its locations.
type Provider string

// The providers. MinIO, Ceph and Oracle are S3 at an endpoint that has to be
// configured; GS is another name of GCP.
const (
	File   Provider = "file"
	S3     Provider = "s3"
	MinIO  Provider = "minio"
	Ceph   Provider = "ceph"
	Oracle Provider = "oracle"
	GCP    Provider = "gcp"
	GS     Provider = "gs"
	Azure  Provider = "azure"
)

// Location is where backups lie: a bucket, and maybe a node's part of it.
//
//	s3://bucket
//	s3://bucket/cluster/datacenter/node
//	file:///directory/bucket/cluster/datacenter/node
//
// The last four segments of a file's location are always bucket, cluster,
// datacenter and node: a shorter form could not be told from a directory.
// Nothing is decoded; a location means its characters.
type Location struct {
	Provider Provider
	Dir      string // of files only: the absolute directory that holds the bucket
	Bucket   string
	// Cluster, Datacenter and NodeID are all set or none.
	Cluster, Datacenter, NodeID string
}

const (
	nodeSegments = 3
	maxLocation  = 2048 // longer than any path that a key still fits behind
)

// ParseLocation reads a location; a slash at its end is dropped. What is wrong
// with one is an ErrInvalid that shows the form.
func ParseLocation(s string) (Location, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || scheme == "" {
		return Location{}, invalid("location %.300q is not of the form provider://bucket or provider://bucket/cluster/datacenter/node", s)
	}
	provider := Provider(scheme)
	if _, ok := providers[provider]; !ok {
		return Location{}, invalid("location %.300q has an unknown provider %.50q; the providers are %s", s, scheme, knownProviders())
	}
	if len(s) > maxLocation {
		return Location{}, invalid("location %.100q... has %d bytes, and %d are the most", s, len(s), maxLocation)
	}
	if strings.ContainsAny(rest, "?#") {
		return Location{}, invalid("location %q has a query or a fragment; what is not part of the name is configured elsewhere", s)
	}
	rest = strings.TrimSuffix(rest, "/")
	if provider == File {
		return parseFile(s, rest)
	}
	return parseCloud(s, provider, rest)
}

func parseFile(s, rest string) (Location, error) {
	const form = "file:///directory/bucket/cluster/datacenter/node"
	inner, absolute := strings.CutPrefix(rest, "/")
	if !absolute {
		return Location{}, invalid("location %q is not of the form %s", s, form)
	}
	if problem := problemOfPath(inner); problem != "" {
		return Location{}, invalid("location %q %s; the form is %s", s, problem, form)
	}
	segments := strings.Split(inner, "/")
	at := len(segments) - nodeSegments - 1
	if at < 0 {
		return Location{}, invalid("location %q is not of the form %s", s, form)
	}
	if strings.HasPrefix(segments[at], tempPrefix) {
		return Location{}, invalid("location %q: names that begin with %s are ours", s, tempPrefix)
	}
	l := Location{Provider: File, Dir: "/" + strings.Join(segments[:at], "/"), Bucket: segments[at]}
	return l.WithNode(segments[at+1], segments[at+2], segments[at+3]), nil
}

func parseCloud(s string, provider Provider, rest string) (Location, error) {
	form := string(provider) + "://bucket or " + string(provider) + "://bucket/cluster/datacenter/node"
	if problem := problemOfPath(rest); problem != "" {
		return Location{}, invalid("location %q %s; the form is %s", s, problem, form)
	}
	segments := strings.Split(rest, "/")
	if len(segments) != 1 && len(segments) != 1+nodeSegments {
		return Location{}, invalid("location %q is not of the form %s", s, form)
	}
	if strings.Contains(segments[0], "@") {
		// Not quoted: what stands before the @ may be a password.
		return Location{}, invalid("the location has credentials in it, which are configured elsewhere; the form is %s", form)
	}
	if !validBucketName(segments[0], longestName(provider)) {
		return Location{}, invalid("location %q: %q is no name of a bucket", s, segments[0])
	}
	l := Location{Provider: provider, Bucket: segments[0]}
	if len(segments) > 1 {
		l = l.WithNode(segments[1], segments[2], segments[3])
	}
	return l, nil
}

// validBucketName is the rule of S3 of today, and the letters that it allowed
// until 2018, as such buckets live on.
func validBucketName(name string, longest int) bool {
	const shortest = 3
	if len(name) < shortest || len(name) > longest || strings.Contains(name, "..") {
		return false
	}
	for i, r := range name {
		alphanumeric := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		inside := i > 0 && i < len(name)-1
		if !alphanumeric && (!inside || !strings.ContainsRune(".-_", r)) {
			return false
		}
	}
	return true
}

// longestName is longer where a bucket may be called as a domain is.
func longestName(p Provider) int {
	if p == GCP || p == GS {
		return 222
	}
	return 63
}

// String is the location as ParseLocation reads it.
func (l Location) String() string {
	s := l.bucketName()
	if l.HasNode() {
		s += "/" + strings.TrimSuffix(l.NodePrefix(), "/")
	}
	return s
}

// HasNode is whether the location is a node's.
func (l Location) HasNode() bool { return l.NodeID != "" }

// WithNode is the location of a node in the same bucket.
func (l Location) WithNode(cluster, dc, nodeID string) Location {
	l.Cluster, l.Datacenter, l.NodeID = cluster, dc, nodeID
	return l
}

// NodePrefix is what the keys of the node begin with.
func (l Location) NodePrefix() string {
	if !l.HasNode() {
		return ""
	}
	return l.Cluster + "/" + l.Datacenter + "/" + l.NodeID + "/"
}

// bucketName names the bucket in errors.
func (l Location) bucketName() string {
	if l.Provider == File {
		return "file://" + l.path()
	}
	return string(l.Provider) + "://" + l.Bucket
}

// path is the directory that is the bucket.
func (l Location) path() string { return path.Join(l.Dir, l.Bucket) }

func knownProviders() string {
	names := make([]string, 0, len(providers))
	for _, p := range slices.Sorted(maps.Keys(providers)) {
		names = append(names, string(p))
	}
	return strings.Join(names, ", ")
}
