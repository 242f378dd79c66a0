package jmx

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
	"github.com/icarus-sidecar/icarus/pkg/jmx/javaobj"
	"github.com/icarus-sidecar/icarus/pkg/jmx/rmi"
)

const storageService = ObjectName("org.apache.cassandra.db:type=StorageService")

// open is a 5.0 that lets everybody in; the others are a 4.1 that asks for a
// password, and one that asks for a certificate as well.
func open(tb testing.TB) *ring.Ring {
	tb.Helper()
	return ring.ForTest(tb, ring.Options{Version: "5.0"})
}

func guarded(tb testing.TB) *ring.Ring {
	tb.Helper()
	return ring.ForTest(tb, ring.Options{Version: "4.1", JMX: ring.JMXPassword})
}

func secured(tb testing.TB) *ring.Ring {
	tb.Helper()
	return ring.ForTest(tb, ring.Options{Version: "4.1", JMX: ring.JMXMutualTLS})
}

func asUser(r *ring.Ring) Options {
	return Options{Address: r.Nodes[0].JMX, Username: ring.JMXUser, Password: ring.JMXUserPassword}
}

func withTLS(tb testing.TB, r *ring.Ring) *tls.Config {
	tb.Helper()
	pem, err := os.ReadFile(r.TLS.CA)
	if err != nil {
		tb.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client, err := tls.LoadX509KeyPair(r.TLS.ClientCert, r.TLS.ClientKey)
	if err != nil {
		tb.Fatal(err)
	}
	return &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{client}}
}

func dialForTest(tb testing.TB, o Options) *Client {
	tb.Helper()
	c, err := Dial(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Errorf("closing: %v", err)
		}
	})
	return c
}

func TestDoorsOfCassandra(t *testing.T) {
	t.Parallel()
	g, s := guarded(t), secured(t)
	config := withTLS(t, s)
	without := config.Clone()
	without.Certificates = nil
	strangers := config.Clone()
	strangers.RootCAs = x509.NewCertPool()
	otherName := config.Clone()
	otherName.ServerName = "somebody.else"
	wrong := asUser(g)
	wrong.Password = "wr0ngpass"
	overTLS := func(c *tls.Config) Options {
		o := asUser(s)
		o.TLS = c
		return o
	}
	denied := overTLS(config)
	denied.Password = "wr0ngpass"
	plainRegistry := asUser(g)
	plainRegistry.TLS, plainRegistry.PlainRegistry = config, true
	for name, c := range map[string]struct {
		options Options
		want    error
	}{
		"a password opens":                                       {asUser(g), nil},
		"a wrong password does not":                              {wrong, ErrDenied},
		"no password does not":                                   {Options{Address: g.Nodes[0].JMX}, ErrDenied},
		"a certificate and a password open":                      {overTLS(config), nil},
		"a certificate and a wrong password do not":              {denied, ErrDenied},
		"a password without a certificate does not":              {overTLS(without), ErrTransport},
		"a server that strangers certified is not spoken to":     {overTLS(strangers), ErrTransport},
		"a server of another name is not spoken to":              {overTLS(otherName), ErrTransport},
		"TLS is not left out where the server wants it":          {asUser(s), ErrTransport},
		"TLS is not spoken where the server has none":            {Options{Address: g.Nodes[0].JMX, TLS: config}, ErrTransport},
		"a stub without TLS is refused before the login is sent": {plainRegistry, rmi.ErrStub},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, err := Dial(t.Context(), c.options)
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if err != nil {
				if strings.Contains(err.Error(), c.options.Password) && c.options.Password != "" {
					t.Errorf("the password is in the error: %v", err)
				}
				return
			}
			mode, err := client.Attribute(t.Context(), storageService, "OperationMode")
			if err != nil || mode != "NORMAL" {
				t.Errorf("operation mode: %v, %v", mode, err)
			}
			if err := client.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestReaderMayReadAndNothingElse(t *testing.T) {
	t.Parallel()
	o := asUser(guarded(t))
	o.Username, o.Password = ring.JMXReader, ring.JMXReaderPassword
	c := dialForTest(t, o)
	if _, err := c.Attribute(t.Context(), storageService, "ReleaseVersion"); err != nil {
		t.Error(err)
	}
	_, err := c.Invoke(t.Context(), storageService, "forceKeyspaceFlush",
		[]string{"java.lang.String", "[Ljava.lang.String;"}, "system", []string{})
	if !errors.Is(err, ErrDenied) {
		t.Errorf("invoking: %v, want ErrDenied", err)
	}
	if err := c.SetAttribute(t.Context(), storageService, "SnapshotLinksPerSecond", int64(1)); !errors.Is(err, ErrDenied) {
		t.Errorf("setting: %v, want ErrDenied", err)
	}
}

func TestSnapshotsOfCassandra(t *testing.T) {
	t.Parallel()
	s := secured(t)
	o := asUser(s)
	o.TLS = withTLS(t, s)
	for name, o := range map[string]Options{"4.1": o, "5.0": {Address: open(t).Nodes[0].JMX}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dialForTest(t, o)
			take := func() error {
				_, err := c.Invoke(t.Context(), storageService, "takeSnapshot",
					[]string{"java.lang.String", "java.util.Map", "[Ljava.lang.String;"},
					"jmx", map[string]string{"skipFlush": "false"}, []string{"system_auth"})
				return err
			}
			if err := take(); err != nil {
				t.Fatal(err)
			}
			err := take()
			var exception *Exception
			if !errors.As(err, &exception) {
				t.Fatalf("taking it again: %v, want an exception", err)
			}
			if root := rootOf(exception); root.Class != "java.io.IOException" || !strings.Contains(root.Message, "already exists") {
				t.Errorf("taking it again: root %+v", root)
			}
			details, err := c.Attribute(t.Context(), storageService, "SnapshotDetails")
			if err != nil {
				t.Fatal(err)
			}
			rows, ok := details.(map[any]any)["jmx"].([]map[string]any)
			if !ok || len(rows) == 0 {
				t.Fatalf("details: %T %v", details, details)
			}
			for _, row := range rows {
				if row["Keyspace name"] != "system_auth" || row["Snapshot name"] != "jmx" {
					t.Errorf("row %v", row)
				}
			}
			if _, err := c.Invoke(t.Context(), storageService, "clearSnapshot",
				[]string{"java.lang.String", "[Ljava.lang.String;"}, "jmx", []string{}); err != nil {
				t.Fatal(err)
			}
			details, err = c.Attribute(t.Context(), storageService, "SnapshotDetails")
			if err != nil {
				t.Fatal(err)
			}
			if _, there := details.(map[any]any)["jmx"]; there {
				t.Errorf("the snapshot is still there: %v", details)
			}
		})
	}
}

func rootOf(e *Exception) *Exception {
	for e.Cause != nil {
		e = e.Cause
	}
	return e
}

func TestArgumentsAndAnswersOfCassandra(t *testing.T) {
	t.Parallel()
	c := dialForTest(t, Options{Address: open(t).Nodes[0].JMX})

	const links = "SnapshotLinksPerSecond"
	if err := c.SetAttribute(t.Context(), storageService, links, int64(12345)); err != nil {
		t.Fatal(err)
	}
	got, err := c.Attributes(t.Context(), storageService, links, "Keyspaces", "TokenToEndpointMap", "NoSuchThing")
	if err != nil {
		t.Fatal(err)
	}
	if got[links] != int64(12345) {
		t.Errorf("%s is %v", links, got[links])
	}
	keyspaces, err := AsStrings(got["Keyspaces"])
	if err != nil || !slices.Contains(keyspaces, "system_auth") {
		t.Errorf("keyspaces: %v, %v", keyspaces, err)
	}
	if tokens, err := AsStringMap(got["TokenToEndpointMap"]); err != nil || len(tokens) != 16 {
		t.Errorf("tokens: %v, %v", tokens, err)
	}
	if _, there := got["NoSuchThing"]; there {
		t.Error("an attribute that is not there has a value")
	}

	tables, err := c.Query(t.Context(), "org.apache.cassandra.db:type=Tables,keyspace=system_auth,*")
	if err != nil || len(tables) == 0 || !slices.IsSorted(tables) {
		t.Fatalf("tables: %v, %v", tables, err)
	}
	if none, err := c.Query(t.Context(), "org.apache.cassandra.db:type=Tables,keyspace=nowhere,table=none"); err != nil || len(none) > 0 {
		t.Errorf("no tables: %v, %v", none, err)
	}
	info, err := c.Info(t.Context(), tables[0])
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(info.Attributes, "DataPaths") {
		t.Errorf("attributes: %v", info.Attributes)
	}
	form := slices.IndexFunc(info.Operations, func(o Operation) bool {
		return o.Name == "importNewSSTables" && len(o.Signature) == 8
	})
	if form < 0 {
		t.Fatalf("operations: %+v", info.Operations)
	}
	dir := t.TempDir()
	_, err = c.Invoke(t.Context(), tables[0], "importNewSSTables", info.Operations[form].Signature,
		Set{filepath.Join(dir, "missing")}, false, true, true, true, true, false, true)
	var exception *Exception
	if !errors.As(err, &exception) || !strings.Contains(err.Error(), filepath.Join(dir, "missing")) {
		t.Errorf("importing what is not there: %v, want an exception that names it", err)
	}
	ranges, err := c.Invoke(t.Context(), storageService, "getRangeToEndpointMap", []string{"java.lang.String"}, "system_auth")
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := ranges.(map[any]any); !ok || len(m) == 0 {
		t.Errorf("ranges: %v", ranges)
	}
}

func TestWhatCassandraDoesNotHave(t *testing.T) {
	t.Parallel()
	c := dialForTest(t, Options{Address: open(t).Nodes[0].JMX})
	_, errBean := c.Attribute(t.Context(), "org.apache.cassandra.db:type=Nothing", "X")
	_, errBeans := c.Attributes(t.Context(), "org.apache.cassandra.db:type=Nothing", "X")
	_, errInfo := c.Info(t.Context(), "org.apache.cassandra.db:type=Nothing")
	_, errAttribute := c.Attribute(t.Context(), storageService, "Nothing")
	_, errOperation := c.Invoke(t.Context(), storageService, "nothing", nil)
	_, errForm := c.Invoke(t.Context(), storageService, "forceKeyspaceFlush", []string{"int"}, int32(1))
	for what, err := range map[string]error{
		"bean": errBean, "beans": errBeans, "info": errInfo, "attribute": errAttribute, "operation": errOperation, "form": errForm,
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", what, err)
		}
	}
	var exception *Exception
	if _, err := c.Query(t.Context(), "no name"); !errors.As(err, &exception) {
		t.Errorf("a malformed name: %v, want an exception", err)
	}
	if _, err := c.Attribute(t.Context(), storageService, "ReleaseVersion"); err != nil {
		t.Errorf("after a malformed name: %v", err)
	}
}

// Everything that a node shows can be read, and is of a class that we know. Of the
// metrics of tables, which are many and alike, those of one table are read.
func TestEveryAttributeOfCassandra(t *testing.T) {
	t.Parallel()
	c := dialForTest(t, Options{Address: open(t).Nodes[0].JMX})
	beans, err := c.Query(t.Context(), "*:*")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, bean := range beans {
		name := string(bean)
		if strings.Contains(name, "metrics:type=Table,keyspace=") && !strings.Contains(name, "scope=roles,") {
			continue
		}
		if strings.Contains(name, "metrics:type=ColumnFamily,") || strings.Contains(name, "metrics:type=Index") {
			continue
		}
		info, err := c.Info(t.Context(), bean)
		if err != nil {
			t.Fatal(err)
		}
		values, err := c.Attributes(t.Context(), bean, info.Attributes...)
		if err != nil {
			t.Error(err)
		}
		for attribute, v := range values {
			read++
			if o, ok := v.(*javaobj.Object); ok {
				t.Errorf("%s of %s is a %s", attribute, bean, o.Class.Name)
			}
		}
	}
	t.Logf("read %d attributes; there are %d MBeans", read, len(beans))
	if read < 2000 {
		t.Errorf("read %d attributes only", read)
	}
}

func TestNotificationsOfCassandra(t *testing.T) {
	t.Parallel()
	c := dialForTest(t, Options{Address: open(t).Nodes[0].JMX})
	collectors, err := c.Query(t.Context(), "java.lang:type=GarbageCollector,*")
	if err != nil || len(collectors) == 0 {
		t.Fatal(collectors, err)
	}
	got := make(chan Notification, len(collectors))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, bean := range collectors {
		s, err := c.Subscribe(ctx, bean)
		if err != nil {
			t.Fatal(err)
		}
		short, cancelShort := context.WithTimeout(ctx, time.Millisecond)
		if _, err := s.Next(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nothing happened, and yet: %v", err)
		}
		cancelShort()
		go func() {
			for {
				n, err := s.Next(ctx)
				if err != nil {
					return
				}
				select {
				case got <- n:
				default:
				}
			}
		}()
	}
	if _, err := c.Invoke(ctx, "java.lang:type=Memory", "gc", nil); err != nil {
		t.Fatal(err)
	}
	select {
	case n := <-got:
		if n.Type != "com.sun.management.gc.notification" || n.Time.IsZero() {
			t.Errorf("got %+v", n)
		}
		if data, ok := n.UserData.(map[string]any); !ok || data["gcName"] == nil {
			t.Errorf("its data are %v", n.UserData)
		}
		// The order of a name's properties is the sender's.
		if name, ok := n.Source.(ObjectName); !ok || !strings.Contains(string(name), "type=GarbageCollector") {
			t.Errorf("its source is %v", n.Source)
		}
	case <-ctx.Done():
		t.Error("no notification came")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Attribute(t.Context(), storageService, "ReleaseVersion"); !errors.Is(err, ErrGone) {
		t.Errorf("after Close: %v, want ErrGone", err)
	}
}

func TestEndOfCassandraIsNoticed(t *testing.T) {
	t.Parallel()
	c := dialForTest(t, asUser(guarded(t)))
	// The session's end, as the server's idle time-out makes it.
	if _, err := c.transport.Call(t.Context(), c.session, methodClose); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Attribute(t.Context(), storageService, "ReleaseVersion"); !errors.Is(err, ErrGone) {
		t.Errorf("got %v, want ErrGone", err)
	}
}

func BenchmarkConnectCallClose(b *testing.B) {
	o := Options{Address: open(b).Nodes[0].JMX}
	b.ReportAllocs()
	for b.Loop() {
		c, err := Dial(b.Context(), o)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Attribute(b.Context(), storageService, "ReleaseVersion"); err != nil {
			b.Fatal(err)
		}
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCall(b *testing.B) {
	c, err := Dial(b.Context(), Options{Address: open(b).Nodes[0].JMX})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Attribute(b.Context(), storageService, "ReleaseVersion"); err != nil {
			b.Fatal(err)
		}
	}
}
