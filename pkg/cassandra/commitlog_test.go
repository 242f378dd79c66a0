package cassandra

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

func TestCommitLogDirectory(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		value any
		want  string // "" is an error
	}{
		"with a slash at its end": {"/var/lib/cassandra/commitlog/", "/var/lib/cassandra/commitlog"},
		"relative":                {"commitlog", ""},
		"none":                    {"", ""},
		"no text":                 {int32(1), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &stub{values: map[jmx.ObjectName]map[string]any{storageService: {"CommitLogLocation": c.value}}}
			got, err := s.node(t).CommitLogDirectory(t.Context())
			if got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestActiveCommitLogs(t *testing.T) {
	t.Parallel()
	s := &stub{values: map[jmx.ObjectName]map[string]any{
		commitLog: {"ActiveSegmentNames": texts("CommitLog-7-1.log", "CommitLog-7-2.log")},
	}}
	got, err := s.node(t).ActiveCommitLogs(t.Context())
	if diff := cmp.Diff([]string{"CommitLog-7-1.log", "CommitLog-7-2.log"}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if got, err := (&stub{}).node(t).ActiveCommitLogs(t.Context()); err == nil {
		t.Errorf("a node that tells nothing has %v", got)
	}
}
