package rest

// SidecarVersion answers GET /version and GET /version/sidecar.
type SidecarVersion struct {
	Version   string `json:"version" doc:"Version of the sidecar."`
	BuildTime string `json:"buildTime" doc:"When its commit was made, as RFC 3339, or unknown."`
	GitCommit string `json:"gitCommit" doc:"The commit that it was built from."`
}

// CassandraVersion answers GET /version/cassandra.
type CassandraVersion struct {
	Major            int      `json:"major" doc:"The first number."`
	Minor            int      `json:"minor" doc:"The second number."`
	Patch            int      `json:"patch" doc:"The third number."`
	DSEPatch         int      `json:"dsePatch" doc:"-1: this is not DataStax Enterprise."`
	PreReleaseLabels []string `json:"preReleaseLabels,omitempty" doc:"Labels of a version that is no release, such as beta1."`
}

// SchemaVersion answers GET /version/schema.
type SchemaVersion struct {
	SchemaVersion string `json:"schemaVersion" doc:"Schema version of the node."`
}

// NodeStatus answers GET /status.
type NodeStatus struct {
	NodeState string `json:"nodeState" doc:"Cassandra's operation mode, such as NORMAL or DRAINED."`
}

// Topology answers GET /topology; the same document lies in the bucket.
type Topology struct {
	Timestamp     int64          `json:"timestamp" doc:"When it was seen, in milliseconds since 1970."`
	ClusterName   string         `json:"clusterName" doc:"Name of the cluster."`
	SchemaVersion string         `json:"schemaVersion" doc:"Schema version of the node."`
	Topology      []TopologyNode `json:"topology" doc:"The members of the ring."`
}

// TopologyNode is one member of the ring.
type TopologyNode struct {
	Hostname  string `json:"hostname" doc:"Name of the node, or its address."`
	Cluster   string `json:"cluster" doc:"Name of the cluster."`
	DC        string `json:"dc" doc:"Its datacenter."`
	Rack      string `json:"rack" doc:"Its rack."`
	NodeID    string `json:"nodeId" doc:"Its host id."`
	IPAddress string `json:"ipAddress" doc:"Its address in the ring."`
}
