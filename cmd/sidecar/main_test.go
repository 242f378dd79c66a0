package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/goleak"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cli"
	"github.com/icarus-sidecar/icarus/pkg/client"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newTestCommand is the command line, without the settings of the machine that it
// runs on.
func newTestCommand() *cobra.Command {
	return program{node: overJMX, lookup: os.LookupEnv}.root()
}

// execute runs the command line until it ends, or for a moment where it does not.
func execute(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	root := newTestCommand()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(io.Discard)
	err = root.ExecuteContext(ctx)
	return out.String(), err
}

func TestHelpAndVersionTellTheMainThings(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		args []string
		want []string
	}{
		"help":           {[]string{"--help"}, []string{"JMX", "globalRequest", "server", "version"}},
		"no argument":    {nil, []string{"Usage:", "server"}},
		"help of server": {[]string{"server", "--help"}, []string{"--listen", "--jmx-address", "--state-dir", "AWS_ACCESS_KEY_ID", "Examples:"}},
		"version":        {[]string{"version"}, []string{"icarus " + version, "commit " + commit, "built " + buildTime}},
		"--version":      {[]string{"--version"}, []string{version}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := execute(t, c.args...)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not in\n%s", want, out)
				}
			}
		})
	}
}

func write(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFlagsThatAreRefused(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing")
	cases := map[string]struct {
		args []string
		want string
	}{
		"every address":                 {[]string{"--listen", "0.0.0.0:0"}, "--allow-unauthenticated"},
		"every address, unsaid":         {[]string{"--listen", ":0"}, "--allow-unauthenticated"},
		"an address of the network":     {[]string{"--listen", "10.0.0.1:4567"}, "--allow-unauthenticated"},
		"a name, whoever it stands for": {[]string{"--listen", "node1:4567"}, "--allow-unauthenticated"},
		"an address without a port":     {[]string{"--listen", "127.0.0.1"}, "--listen"},
		"a port that is none":           {[]string{"--listen", "127.0.0.1:70000"}, "65535"},
		"a port by name":                {[]string{"--listen", "127.0.0.1:http"}, "65535"},
		"JMX without a port":            {[]string{"--jmx-address", "127.0.0.1"}, "--jmx-address"},
		"two sources of credentials":    {[]string{"--jmx-user", "u", "--jmx-credentials", write(t, "username=u\npassword=p\n")}, "exclude"},
		"a user without a password":     {[]string{"--jmx-user", "u"}, passwordVariable},
		"credentials that are missing":  {[]string{"--jmx-credentials", missing}, missing},
		"authorities without TLS":       {[]string{"--jmx-ca", missing}, "--jmx-tls"},
		"a server name without TLS":     {[]string{"--jmx-server-name", "n"}, "--jmx-tls"},
		"authorities that are missing":  {[]string{"--jmx-tls", "--jmx-ca", missing}, missing},
		"authorities that are none":     {[]string{"--jmx-tls", "--jmx-ca", write(t, "no PEM")}, "no certificate"},
		"a certificate without a key":   {[]string{"--jmx-tls", "--jmx-cert", missing}, "need each other"},
		"a key without a certificate":   {[]string{"--jmx-tls", "--jmx-key", missing}, "need each other"},
		"a certificate that is missing": {
			[]string{"--jmx-tls", "--jmx-cert", missing, "--jmx-key", missing}, missing,
		},
		"an operation that is none":     {[]string{"--enable-operations", "no-such"}, "no-such"},
		"a relative directory":          {[]string{"--allow-directory", "downloads"}, "--allow-directory"},
		"a name of no Secret":           {[]string{"--allow-secret", "a/b/c"}, "--allow-secret"},
		"no worker":                     {[]string{"--workers", "0"}, "--workers"},
		"operations that expire before": {[]string{"--operations-expiration", "-1h"}, "--operations-expiration"},
		"a format that is none":         {[]string{"--log-format", "xml"}, "xml"},
		"an argument":                   {[]string{"backup"}, "backup"},
		"a flag that is none":           {[]string{"--no-such"}, "--no-such"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := filepath.Join(t.TempDir(), "state")
			args := append([]string{"server", "--listen", "127.0.0.1:0", "--state-dir", state}, c.args...)
			if _, err := execute(t, args...); cli.ExitCode(err) != cli.ExitUsage || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, and does not tell of %q", err, c.want)
			}
			if _, err := os.Stat(state); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the state directory was made: %v", err)
			}
		})
	}
}

func TestListenOnLoopbackNeedsNoLeave(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1:4567", "127.0.0.2:4567", "localhost:0", "[::1]:4567"} {
		if err := (&serverFlags{listen: address}).checkListen(); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{"10.0.0.1:4567", ":4567", "[::]:4567"} {
		if err := (&serverFlags{listen: address, allowUnauthenticated: true}).checkListen(); err != nil {
			t.Errorf("%s with leave: %v", address, err)
		}
	}
}

func TestErrorsNameTheHost(t *testing.T) {
	t.Parallel()
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for listen, want := range map[string]string{
		"10.0.0.1:4567": "10.0.0.1", "[fd00::1]:4567": "fd00::1", "0.0.0.0:4567": name, ":4567": name, "[::]:4567": name,
	} {
		if got := (&serverFlags{listen: listen}).source(); got != want {
			t.Errorf("at %s it is %s, want %s", listen, got, want)
		}
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		text           string
		user, password string
	}{
		"of the original":                {"username=cassandra\npassword=secret\n", "cassandra", "secret"},
		"with blanks, comments and more": {"# username=no\n\nother=1\nno line\n username = cassandra \npassword = se=cr et \n", "cassandra", "se=cr et"},
		"from another system":            {"username=cassandra\r\npassword=secret\r\n", "cassandra", "secret"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			user, password, err := readCredentials(write(t, c.text))
			if err != nil || user != c.user || password != c.password {
				t.Errorf("got %q and %q, %v", user, password, err)
			}
		})
	}
}

func TestCredentialsThatAreWrongAreNotShown(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"without a user":     "password=hunter2\n",
		"without a password": "username=hunter2\n",
		"of another form":    "hunter2:hunter2\n",
		"with an empty one":  "username=hunter2\npassword=\n",
		"of endless length":  "password=" + strings.Repeat("hunter2", 20000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := write(t, text)
			_, _, err := readCredentials(path)
			if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "--jmx-credentials") {
				t.Errorf("the error is %.200v", err)
			}
		})
	}
}

func TestCredentialsAreReadAtEachConnection(t *testing.T) {
	t.Parallel()
	f := &jmxFlags{address: "127.0.0.1:1", credentials: write(t, "username=u\npassword=p\n")}
	dial, err := f.dialer()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(f.credentials); err != nil {
		t.Fatal(err)
	}
	if _, err := dial(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the error is %v, although the file is gone", err)
	}
}

func TestThePasswordComesFromTheEnvironment(t *testing.T) {
	t.Setenv(passwordVariable, "hunter2")
	o, err := (&jmxFlags{address: "127.0.0.1:7199", user: "cassandra"}).options()
	if err != nil || o.Username != "cassandra" || o.Password != "hunter2" {
		t.Errorf("got %q and %q, %v", o.Username, o.Password, err)
	}
}

// freeAddress is one of the loopback that nobody listened at a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

// running is a server that serves.
type running struct {
	*client.Client
	stop func() error
}

func start(t *testing.T, args ...string) running {
	t.Helper()
	return startAt(t, "http://"+freeAddress(t), nil, args...)
}

// startAt starts one that is reached at a URL with some options.
func startAt(t *testing.T, url string, options []client.Option, args ...string) running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	_, address, _ := strings.Cut(url, "://")
	root := newTestCommand()
	root.SetArgs(append([]string{"server", "--listen", address, "--jmx-address", "127.0.0.1:1"}, args...))
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(ctx) }()
	c, err := client.New(url, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		if _, err := c.Version(t.Context()); err == nil {
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("the server ended: %v", err)
		case <-ticker.C:
		}
	}
	return running{c, func() error {
		cancel()
		return <-ended
	}}
}

func TestTheServerStartsAndStopsWithoutCassandra(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "state")
	s := start(t, "--state-dir", state)
	if _, err := s.Status(t.Context()); err == nil {
		t.Error("a node that is not there has a status")
	}
	op, err := s.Submit(t.Context(), &rest.FlushRequest{Header: rest.Header{Type: rest.TypeFlush}, Keyspace: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	done, err := s.Watch(t.Context(), op.ID, func(rest.Operation) {})
	if err != nil || done.State != rest.StateFailed || len(done.Errors) == 0 || done.Errors[0].Source != "127.0.0.1" {
		t.Errorf("a flush without a node is %+v, %v", done, err)
	}
	_, err = s.Submit(t.Context(), &rest.TruncateRequest{Header: rest.Header{Type: rest.TypeTruncate}, Keyspace: "shop", Table: "items"})
	if !errors.Is(err, client.ErrInvalid) {
		t.Errorf("truncate, which is off, is answered with %v", err)
	}
	if err := s.stop(); err != nil {
		t.Fatalf("stopping: %v", err)
	}

	again := start(t, "--state-dir", state, "--enable-truncate")
	if former, err := again.Operation(t.Context(), op.ID); err != nil || former.State != rest.StateFailed || former.Instance == op.Instance {
		t.Errorf("after a restart the operation is %+v, %v", former, err)
	}
	// It is on now, and fails for want of a node.
	if _, err := again.Submit(t.Context(), &rest.TruncateRequest{
		Header: rest.Header{Type: rest.TypeTruncate}, Keyspace: "shop", Table: "items",
	}); err != nil {
		t.Errorf("truncate, which is on, is answered with %v", err)
	}
	if err := again.stop(); err != nil {
		t.Fatalf("stopping again: %v", err)
	}
}

func TestOneSidecarUsesAStateDirectory(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	s := start(t, "--state-dir", state)
	_, err := execute(t, "server", "--listen", "127.0.0.1:0", "--state-dir", state)
	if !errors.Is(err, operation.ErrJournal) || !strings.Contains(err.Error(), state) {
		t.Errorf("the second ends with %v", err)
	}
	if _, err := s.Version(t.Context()); err != nil {
		t.Errorf("the first does not serve any more: %v", err)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
}

func TestOneSidecarListensAtAnAddress(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	state := filepath.Join(t.TempDir(), "state")
	_, err = execute(t, "server", "--listen", l.Addr().String(), "--state-dir", state)
	if err == nil || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("the second ends with %v", err)
	}
	if _, err := os.Stat(state); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its state directory was made: %v", err)
	}
}

// silent is a JMX that takes connections and says nothing.
func silent(t *testing.T) (address string, reached <-chan net.Conn) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	taken, ended := make(chan net.Conn, 100), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			taken <- c
		}
	}()
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		<-ended
		close(taken)
		for c := range taken {
			_ = c.Close()
		}
	})
	return l.Addr().String(), taken
}

func TestWhatIsAtWorkGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	jmx, reached := silent(t)
	s := start(t, "--state-dir", state, "--jmx-address", jmx)
	req, _ := rest.NewRequest(rest.TypeBackup)
	backup := req.(*rest.BackupRequest)
	backup.StorageLocation = "file://" + t.TempDir() + "/bucket/cluster/dc/node"
	op, err := s.Submit(t.Context(), backup)
	if err != nil {
		t.Fatal(err)
	}
	defer (<-reached).Close()
	if err := s.stop(); err != nil {
		t.Fatalf("stopping in the midst of an operation: %v", err)
	}

	s = start(t, "--state-dir", state, "--jmx-address", jmx)
	defer (<-reached).Close()
	if now, err := s.Operation(t.Context(), op.ID); err != nil || now.State != rest.StateRunning || len(now.Errors) > 0 {
		t.Errorf("after the restart it is %+v, %v", now, err)
	}
	if err := s.Cancel(t.Context(), op.ID); err != nil {
		t.Fatal(err)
	}
	if done, err := s.Watch(t.Context(), op.ID, func(rest.Operation) {}); err != nil || done.State != rest.StateCancelled {
		t.Errorf("cancelled, it is %+v, %v", done, err)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
}
