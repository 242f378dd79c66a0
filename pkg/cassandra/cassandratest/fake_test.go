package cassandratest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/icarus-sidecar/icarus/pkg/cassandra/cassandratest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFakeConforms(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]cassandratest.Options{
		"3.11":                     {Release: "3.11.19", DataDirs: 2},
		"4.0 with two directories": {Release: "4.0.19", DataDirs: 2},
		"4.1":                      {},
		"5.0 with ids":             {Release: "5.0.9", DataDirs: 3, UUIDs: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cassandratest.Run(t, func(t *testing.T) cassandratest.Subject {
				t.Helper()
				return cassandratest.New(t, o)
			})
		})
	}
}
