package rest

// SidecarVersion answers GET /version and GET /version/sidecar.
type SidecarVersion struct {
	Version string `json:"version"`
	// BuildTime is RFC 3339, or "unknown".
	BuildTime string `json:"buildTime"`
	GitCommit string `json:"gitCommit"`
}

// CassandraVersion answers GET /version/cassandra.
type CassandraVersion struct {
	Major int `json:"major"`
	Minor int `json:"minor"`
	Patch int `json:"patch"`
	// DSEPatch is -1: this is not DataStax Enterprise.
	DSEPatch         int      `json:"dsePatch"`
	PreReleaseLabels []string `json:"preReleaseLabels,omitempty"`
}

// SchemaVersion answers GET /version/schema.
type SchemaVersion struct {
	SchemaVersion string `json:"schemaVersion"`
}

// NodeStatus answers GET /status.
type NodeStatus struct {
	// NodeState is Cassandra's operation mode, such as NORMAL or DRAINED.
	NodeState string `json:"nodeState"`
}

// Topology answers GET /topology; the same document lies in the bucket.
type Topology struct {
	// Timestamp is in milliseconds since 1970.
	Timestamp     int64          `json:"timestamp"`
	ClusterName   string         `json:"clusterName"`
	SchemaVersion string         `json:"schemaVersion"`
	Topology      []TopologyNode `json:"topology"`
}

// TopologyNode is one member of the ring.
type TopologyNode struct {
	Hostname  string `json:"hostname"`
	Cluster   string `json:"cluster"`
	DC        string `json:"dc"`
	Rack      string `json:"rack"`
	NodeID    string `json:"nodeId"`
	IPAddress string `json:"ipAddress"`
}
