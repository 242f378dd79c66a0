package cluster_test

import (
	"testing"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

// A thousand nodes are the largest rings there are. Between two polls of a
// child there are 100 ms at least.
func BenchmarkStep(b *testing.B) {
	running := func(a cluster.Action) (*rest.Operation, error) {
		return answer(b, a.OperationID, rest.StateRunning, nil), nil
	}
	cases := map[string]func() *drive{
		"sending": func() *drive { return newDrive(b, restorePlan(b, 1000, nil)) },
		"waiting": func() *drive {
			d := newDrive(b, restorePlan(b, 1000, nil))
			d.do(running)
			return d
		},
		"polling": func() *drive {
			d := newDrive(b, restorePlan(b, 1000, nil))
			d.do(running)
			d.now = d.now.Add(1e9)
			return d
		},
		"advancing": func() *drive {
			d := newDrive(b, restorePlan(b, 1000, nil))
			d.do(d.healthy)
			return d
		},
	}
	for name, prepare := range cases {
		b.Run(name, func(b *testing.B) {
			d := prepare()
			b.ReportAllocs()
			for b.Loop() {
				cluster.Step(d.plan, d.board, d.now)
			}
		})
	}
	b.Run("describing", func(b *testing.B) {
		d := newDrive(b, restorePlan(b, 1000, nil))
		d.do(running)
		b.ReportAllocs()
		for b.Loop() {
			cluster.Describe(d.plan, d.board)
		}
	})
}
