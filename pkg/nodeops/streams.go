package nodeops

import (
	"context"
	"slices"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
)

// streamed is the part of the bytes that has come or gone, of the streams for
// one purpose.
func (d *Deps) streamed(purpose string) func(ctx context.Context) (float64, error) {
	return func(ctx context.Context) (float64, error) {
		running, err := d.Node.Streams(ctx)
		if err != nil {
			return 0, err
		}
		var done, total int64
		for _, s := range running {
			if s.For == purpose {
				done += s.BytesDone
				total += s.BytesTotal
			}
		}
		if total == 0 {
			return 0, nil
		}
		return float64(done) / float64(total), nil
	}
}

// streaming looks for streams for one purpose.
func (d *Deps) streaming(purpose string) func(ctx context.Context, _ asked) (sight, error) {
	return func(ctx context.Context, _ asked) (sight, error) {
		running, err := d.Node.Streams(ctx)
		if slices.ContainsFunc(running, func(s cassandra.Stream) bool { return s.For == purpose }) {
			return atWork, err
		}
		return unseen, err
	}
}
