package ring

import (
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOptionsAreFilledIn(t *testing.T) {
	t.Parallel()
	o, err := Options{Version: "5.0", Nodes: 3, Dir: "/run/x", Places: []Place{{DC: "east"}}}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	if o.Version != "5.0.9" || o.address(3) != "127.0.0.3" || o.JMX != JMXOpen {
		t.Errorf("got %+v", o)
	}
	want := []Place{{"east", "rack1"}, {"dc1", "rack2"}, {"dc1", "rack3"}}
	if diff := cmp.Diff(want, o.Places); diff != "" {
		t.Error(diff)
	}
}

func TestOptionsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"an unknown short version":      {Version: "2.2"},
		"a version that is a path":      {Version: "4.1.1/../x"},
		"no nodes at all":               {Nodes: -1},
		"more nodes than addresses":     {Nodes: 100},
		"addresses of the world":        {Subnet: "10.0.0"},
		"a subnet of four numbers":      {Subnet: "127.0.0.1"},
		"a heap Cassandra cannot use":   {HeapMB: 64},
		"an unknown guard of JMX":       {JMX: "kerberos"},
		"a place without a node":        {Nodes: 1, Places: make([]Place, 2)},
		"less than one data directory":  {DataDirs: -1},
		"a version without its numbers": {Version: "latest"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.Dir = "/run/x"
			if _, err := o.withDefaults(); err == nil {
				t.Error("it was taken")
			}
		})
	}
}

func TestConfigurationFollowsTheOptions(t *testing.T) {
	t.Parallel()
	o, err := Options{
		Dir: t.TempDir(), Version: "3.11", DataDirs: 2, Authentication: true, JMX: JMXMutualTLS,
		Settings: map[string]string{"num_tokens": "1", "auto_snapshot": "true"},
	}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	n := newNode(o, 1)
	text := yaml(o, n)
	for _, want := range []string{
		"num_tokens: 1\n", "auto_snapshot: true\n", "authenticator: PasswordAuthenticator\n", "start_rpc: false\n",
		"ssl_storage_port: 7001\n", n.Dir + `/data1", "` + n.Dir + `/data2"]`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("cassandra.yaml lacks %q:\n%s", want, text)
		}
	}
	flags := strings.Join(jmxFlags(o, n), "\n")
	for _, want := range []string{"registry.ssl=true", "need.client.auth=true", "authenticate=true", "host=127.0.0.1"} {
		if !strings.Contains(flags, want) {
			t.Errorf("the flags lack %q:\n%s", want, flags)
		}
	}
}

func TestWithoutAJavaItIsSaidHowToGetIt(t *testing.T) {
	former := javaHomes
	javaHomes = []string{filepath.Join(t.TempDir(), "*")}
	t.Cleanup(func() { javaHomes = former })
	for _, name := range []string{"JAVA_HOME", "JAVA11_HOME"} {
		t.Setenv(name, "")
	}
	t.Setenv("PATH", t.TempDir()) // no apt-get either
	t.Setenv("ICARUS_CACHE", t.TempDir())
	for version, want := range map[string]string{"4.1": "install a JDK 17", "3.11": "JAVA11_HOME"} {
		o, err := (Options{Version: version, Output: io.Discard}).withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		_, err = findJava(t.Context(), o)
		if !errors.Is(err, ErrNoJava) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want ErrNoJava and what to do", version, err)
		}
	}
}

func TestWithoutMavenItIsSaidHowToGetIt(t *testing.T) {
	t.Setenv("MAVEN_HOME", "")
	t.Setenv("PATH", t.TempDir()) // no apt-get either
	_, err := maven(t.Context(), io.Discard)
	if !errors.Is(err, ErrNoMaven) || !strings.Contains(err.Error(), "install Maven") {
		t.Errorf("got %v, want ErrNoMaven and what to install", err)
	}
}
