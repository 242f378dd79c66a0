package cassandra

import (
	"slices"
	"testing"
)

func TestWhereCassandraLooksForItsConfiguration(t *testing.T) {
	t.Parallel()
	path := []string{"/etc/cassandra", "/usr/share/cassandra/lib/a.jar", "relative", "/opt/classes"}
	for name, c := range map[string]struct{ arguments, want []string }{
		"in the directories of the class path":           {nil, []string{"/etc/cassandra/cassandra.yaml", "/opt/classes/cassandra.yaml"}},
		"there under another name":                       {[]string{"-Dcassandra.config=mine.yaml"}, []string{"/etc/cassandra/mine.yaml", "/opt/classes/mine.yaml"}},
		"at an address":                                  {[]string{"-Xmx1g", "-Dcassandra.config=file:///srv/a%20b/c.yaml"}, []string{"/srv/a b/c.yaml"}},
		"at an address as Java writes it":                {[]string{"-Dcassandra.config=file:/srv/c.yaml"}, []string{"/srv/c.yaml"}},
		"where arguments say nothing of a configuration": {[]string{"-Dcassandra.config.loader=x"}, []string{"/etc/cassandra/cassandra.yaml", "/opt/classes/cassandra.yaml"}},
	} {
		if got := configurationFiles(c.arguments, path); !slices.Equal(got, c.want) {
			t.Errorf("%s: it is %q, not %q", name, got, c.want)
		}
	}
}
