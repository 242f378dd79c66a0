package cassandra_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(ring.Around(m)) }
