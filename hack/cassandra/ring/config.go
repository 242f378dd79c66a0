package ring

import (
	_ "embed"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// jvmModules opens the parts of the JDK that Cassandra reaches into.
//
//go:embed jvm9plus.args
var jvmModules string

// loggingXML writes everything from INFO on into one file, at once: a killed
// node's log is whole.
const loggingXML = `<configuration>
  <appender name="file" class="ch.qos.logback.core.FileAppender">
    <file>%s</file>
    <encoder><pattern>%%-5level [%%thread] %%date{ISO8601} %%F:%%L - %%msg%%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="file"/></root>
</configuration>
`

// configure writes everything that a node reads at its start.
func configure(o Options, n *Node) error {
	dirs := append([]string{n.confDir(), n.Logs}, n.DataDirs...)
	for _, d := range append(dirs, n.Dir+"/tmp") {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return fmt.Errorf("making a directory of node %d: %w", n.Index, err)
		}
	}
	files := map[string]string{
		"cassandra.yaml":              yaml(o, n),
		"cassandra-rackdc.properties": fmt.Sprintf("dc=%s\nrack=%s\n", n.DC, n.Rack),
		"logback.xml":                 fmt.Sprintf(loggingXML, n.SystemLog()),
		"jvm9plus.args":               jvmModules,
	}
	if o.JMX != JMXOpen {
		files["jmxremote.password"] = fmt.Sprintf("%s %s\n%s %s\n", JMXUser, JMXUserPassword, JMXReader, JMXReaderPassword)
		files["jmxremote.access"] = JMXUser + " readwrite create javax.management.monitor.*,javax.management.timer.* unregister\n" + JMXReader + " readonly\n"
	}
	for name, text := range files {
		// 0600: the JDK refuses a password file that others may read.
		if err := os.WriteFile(filepath.Join(n.confDir(), name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("configuring node %d: %w", n.Index, err)
		}
	}
	return nil
}

// yaml is cassandra.yaml, in the option names that 3.11 to 5.0 all accept.
func yaml(o Options, n *Node) string {
	settings := map[string]string{
		"cluster_name":                     strconv.Quote(o.Cluster),
		"num_tokens":                       strconv.Itoa(o.Tokens),
		"partitioner":                      "org.apache.cassandra.dht.Murmur3Partitioner",
		"data_file_directories":            "[" + strings.Join(quoted(n.DataDirs), ", ") + "]",
		"commitlog_directory":              strconv.Quote(filepath.Join(n.Dir, "commitlog")),
		"saved_caches_directory":           strconv.Quote(filepath.Join(n.Dir, "saved_caches")),
		"hints_directory":                  strconv.Quote(filepath.Join(n.Dir, "hints")),
		"cdc_raw_directory":                strconv.Quote(filepath.Join(n.Dir, "cdc_raw")),
		"commitlog_sync":                   "periodic",
		"commitlog_sync_period_in_ms":      "10000",
		"commitlog_segment_size_in_mb":     "8",
		"endpoint_snitch":                  "GossipingPropertyFileSnitch",
		"listen_address":                   n.Address,
		"rpc_address":                      n.Address,
		"storage_port":                     strconv.Itoa(o.StoragePort),
		"native_transport_port":            strconv.Itoa(o.CQLPort),
		"start_native_transport":           "true",
		"seed_provider":                    fmt.Sprintf("[{class_name: org.apache.cassandra.locator.SimpleSeedProvider, parameters: [{seeds: '%s'}]}]", o.address(1)),
		"memtable_allocation_type":         "heap_buffers",
		"concurrent_reads":                 "8",
		"concurrent_writes":                "8",
		"concurrent_compactors":            "1",
		"compaction_throughput_mb_per_sec": "0",
		"disk_failure_policy":              "stop",
		"auto_snapshot":                    "false",
		"incremental_backups":              "false",
		// A fresh ring has nothing to stream, and nodes that bootstrap at the
		// same time disturb each other.
		"auto_bootstrap": "false",
		// Requests that a busy machine answers late are not failures here.
		"read_request_timeout_in_ms":     "30000",
		"range_request_timeout_in_ms":    "60000",
		"write_request_timeout_in_ms":    "30000",
		"truncate_request_timeout_in_ms": "60000",
		"request_timeout_in_ms":          "30000",
	}
	if o.legacy() {
		settings["start_rpc"] = "false"
		settings["ssl_storage_port"] = strconv.Itoa(o.StoragePort + 1)
	}
	if o.Authentication {
		settings["authenticator"] = "PasswordAuthenticator"
		settings["authorizer"] = "CassandraAuthorizer"
		settings["role_manager"] = "CassandraRoleManager"
	}
	maps.Copy(settings, o.Settings)
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%s: %s\n", k, settings[k])
	}
	return b.String()
}

// command is the node's java command, without the program. The first argument
// marks the process as the node of its directory, see Node.running.
func command(o Options, n *Node, j java, lib string) ([]string, error) {
	jamm, err := jar(lib, "jamm")
	if err != nil {
		return nil, err
	}
	conf := func(name string) string { return "file://" + filepath.Join(n.confDir(), name) }
	heap := strconv.Itoa(o.HeapMB) + "M"
	args := []string{
		n.mark(),
		"-Xms" + heap, "-Xmx" + heap, "-Xss512k", "-XX:MaxDirectMemorySize=256M",
		// The first compiler and the serial collector: a node lives for
		// minutes, and both cost a third less processor time on the way up.
		"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData",
		"-XX:+ExitOnOutOfMemoryError", "-Djava.io.tmpdir=" + n.Dir + "/tmp",
		"-javaagent:" + jamm,
	}
	if j.major >= 9 {
		args = append(args, "@"+filepath.Join(n.confDir(), "jvm9plus.args"))
	}
	args = append(args, jmxFlags(o, n)...)
	args = append(args,
		"-Dcassandra.config="+conf("cassandra.yaml"),
		"-Dcassandra-rackdc.properties="+conf("cassandra-rackdc.properties"),
		"-Dlogback.configurationFile="+conf("logback.xml"),
		"-Dcassandra.storagedir="+n.Dir, "-Dcassandra.logdir="+n.Logs,
		"-Dcassandra-foreground=yes",
		// What waits for a large cluster's gossip to calm down need not wait here.
		"-Dcassandra.ring_delay_ms=1000", "-Dcassandra.skip_wait_for_gossip_to_settle=0",
		"-Dcassandra.shutdown_announce_in_ms=500",
		"-Dcassandra.consistent.rangemovement=false", "-Dcassandra.superuser_setup_delay_ms=0")
	args = append(args, o.JVMFlags...)
	return append(args, "-cp", lib+"/*", "org.apache.cassandra.service.CassandraDaemon"), nil
}

// jmxFlags make the JDK's own agent listen at the node's address; Cassandra's
// would listen at 127.0.0.1 or everywhere, which two nodes cannot.
func jmxFlags(o Options, n *Node) []string {
	const agent = "-Dcom.sun.management.jmxremote."
	port := strconv.Itoa(o.JMXPort)
	flags := []string{
		agent + "host=" + n.Address, "-Djava.rmi.server.hostname=" + n.Address,
		agent + "port=" + port, agent + "rmi.port=" + port,
	}
	if o.JMX == JMXOpen {
		return append(flags, agent+"authenticate=false", agent+"ssl=false")
	}
	flags = append(flags, agent+"authenticate=true",
		agent+"password.file="+filepath.Join(n.confDir(), "jmxremote.password"),
		agent+"access.file="+filepath.Join(n.confDir(), "jmxremote.access"))
	if o.JMX == JMXPassword {
		return append(flags, agent+"ssl=false")
	}
	flags = append(flags, agent+"ssl=true", agent+"registry.ssl=true")
	flags = append(flags, tlsFilesIn(o.Dir).serverFlags()...)
	return append(flags, agent+"ssl.need.client.auth="+strconv.FormatBool(o.JMX == JMXMutualTLS))
}

func quoted(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strconv.Quote(s)
	}
	return out
}
