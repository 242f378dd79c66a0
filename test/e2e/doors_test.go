package e2e_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
)

// A sidecar with the wrong password of JMX says so, and nobody sees it. The node
// speaks TLS, and asks for no certificate (the tests of pkg/jmx are asked for one).
func TestAWrongPasswordOfJMX(t *testing.T) {
	const wrong = "not-the-password-of-anyone"
	r := ring.ForTest(t, ring.Options{Version: "4.1", JMX: ring.JMXTLS})
	flush := &rest.FlushRequest{Header: rest.Header{Type: rest.TypeFlush}, Keyspace: "system_auth"}
	user := []string{"--jmx-user", ring.JMXUser, "--jmx-tls", "--jmx-ca", r.TLS.CA}

	denied := newSidecar(t, r.Nodes[0], t.TempDir(), []string{"ICARUS_JMX_PASSWORD=" + wrong}, user...)
	denied.start(t)
	denied.fail(t, flush, r.Nodes[0].Address, "Invalid username or password")
	if _, err := denied.Status(t.Context()); err == nil {
		t.Error("the status is told")
	}
	if log, err := os.ReadFile(denied.command.Log); err != nil || bytes.Contains(log, []byte(wrong)) {
		t.Errorf("the log has the password, or cannot be read: %v", err)
	}
	denied.kill(t)

	let := newSidecar(t, r.Nodes[0], t.TempDir(), []string{"ICARUS_JMX_PASSWORD=" + ring.JMXUserPassword}, user...)
	let.start(t)
	let.succeed(t, flush)
}
