package ring

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(Around(m)) }

// jrmp is the greeting of a client of Java RMI; a server answers it.
var jrmp = []byte{'J', 'R', 'M', 'I', 0, 2, 0x4b}

func TestRingIsGuardedAndSurvivesItsNodes(t *testing.T) {
	t.Parallel()
	r := Own(t, Options{Nodes: 2, DataDirs: 2, JMX: JMXMutualTLS, Authentication: true})

	greet(t, r)
	for _, d := range r.Nodes[1].DataDirs {
		if _, err := os.Stat(d); err != nil {
			t.Error(err)
		}
	}
	if err := r.Kill(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if n := r.Nodes[1]; n.Running() || n.PID != 0 || listening(t.Context(), n.CQL) {
		t.Errorf("node 2 runs on after the kill: %+v", n)
	}
	if err := r.Start(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if err := r.Stop(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	again, err := Load(r.Options.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range again.Nodes {
		if !n.Running() || n.PID != r.Nodes[i].PID {
			t.Errorf("the record of node %d is %+v, want that of %+v", i+1, n, r.Nodes[i])
		}
	}
	if _, err := Up(t.Context(), r.Options); !errors.Is(err, ErrRunning) {
		t.Errorf("Up in a directory in use: %v, want ErrRunning", err)
	}
}

// greet proves that the JMX port speaks TLS with our certificates, both ways.
func greet(t *testing.T, r *Ring) {
	t.Helper()
	pem, err := os.ReadFile(r.TLS.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client, err := tls.LoadX509KeyPair(r.TLS.ClientCert, r.TLS.ClientKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		config *tls.Config
		ok     bool
	}{
		"with a certificate":    {&tls.Config{RootCAs: roots, Certificates: []tls.Certificate{client}}, true},
		"without a certificate": {&tls.Config{RootCAs: roots}, false},
		"trusting nobody":       {&tls.Config{RootCAs: x509.NewCertPool()}, false},
	} {
		err := say(t, r.Nodes[1].JMX, c.config)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v, want success: %v", name, err, c.ok)
		}
	}
}

func say(t *testing.T, address string, config *tls.Config) error {
	t.Helper()
	c, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Write(jrmp); err != nil {
		return err
	}
	_, err = io.ReadFull(c, make([]byte, 1))
	return err
}

func TestANodeThatDiesIsReportedWithItsLog(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs a Java, which -short leaves out")
	}
	_, _, err := upForTest(t.Context(), Options{Settings: map[string]string{"partitioner": "no.such.Partitioner"}})
	var start *StartError
	if !errors.As(err, &start) || !errors.Is(err, errDied) {
		t.Fatalf("err = %v, want a StartError because it died", err)
	}
	if start.Node.Running() {
		t.Error("it runs on")
	}
	if len(start.Error()) < 500 {
		t.Errorf("the error quotes no log: %v", start)
	}
}

func TestPortsInUseAreNamed(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o, err := Options{Dir: t.TempDir(), CQLPort: l.Addr().(*net.TCPAddr).Port, JMXPort: 65001, StoragePort: 65002}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	if err := portsFree(o); !errors.Is(err, ErrRunning) {
		t.Errorf("err = %v, want ErrRunning", err)
	}
}

func TestTwoRingsGetDifferentAddresses(t *testing.T) {
	t.Parallel()
	o, err := Options{Dir: t.TempDir()}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	a, releaseA, err := claimSubnet(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer releaseA()
	b, releaseB, err := claimSubnet(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer releaseB()
	if a == b {
		t.Errorf("both got %s", a)
	}
}
