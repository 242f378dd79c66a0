package store

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
)

// S3 takes 10,000 parts of 5 MiB to 5 GiB, Azure 50,000 blocks of up to 4000 MiB.
func TestPartsOfAnySizeAreWithinTheLimits(t *testing.T) {
	t.Parallel()
	for _, limit := range []struct{ parts, longest int64 }{{maxParts, 5 << 30}, {maxBlocks, 4000 << 20}} {
		for _, size := range []int64{
			partSize + 1, 5 << 30, partSize*maxParts - 1, partSize * maxParts, partSize*maxParts + 1,
			300_000_000_000, 5 << 40, partSize * maxBlocks, partSize*maxBlocks + 1, 40 << 40,
		} {
			length := partLength(partSize, size, limit.parts)
			count := (size + length - 1) / length
			if count > limit.parts || length > limit.longest || length < partSize || (count-1)*length >= size {
				t.Errorf("%d bytes are %d parts of %d", size, count, length)
			}
		}
	}
	if got := partLength(partSize, 300_000_000_000, maxParts); got != 30_000_000 {
		t.Errorf("the parts of 300 GB have %d bytes", got)
	}
}

// counted gives size bytes, each of which tells where it was.
type counted struct{ at, size int64 }

func (c *counted) Read(p []byte) (int, error) {
	if c.at == c.size {
		return 0, io.EOF
	}
	n := 0
	for ; n < len(p) && c.at < c.size; n++ {
		p[n] = byte(c.at % 251)
		c.at++
	}
	return n, nil
}

// An SSTable of 300 GB, in a world where a kilobyte is a byte.
func TestPartsHoldEveryByteOnce(t *testing.T) {
	t.Parallel()
	const size, best = 30_000_001, 800
	b := newBuffers(best, 10)
	length := partLength(best, size, maxParts)
	var mu sync.Mutex
	var total int64
	seen := map[int]bool{}
	var now, most atomic.Int64
	err := b.parts(t.Context(), &counted{size: size}, size, length, func(i int, part []byte) error {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		for k, got := range part {
			if at := int64(i)*length + int64(k); got != byte(at%251) {
				t.Errorf("byte %d of part %d is of elsewhere", k, i)
				break
			}
		}
		mu.Lock()
		defer mu.Unlock()
		if seen[i] {
			t.Errorf("part %d comes twice", i)
		}
		seen[i] = true
		total += int64(len(part))
		return nil
	})
	if err != nil || total != size || len(seen) > maxParts || most.Load() > partsAtOnce {
		t.Errorf("%d parts have %d bytes, %d of them at once: %v", len(seen), total, most.Load(), err)
	}
}

// However many connections there are, and however large the parts, the bodies
// stay within the budget; and what is little does not wait for what is large.
func TestTheBodiesOfAllRequestsHaveOneBudget(t *testing.T) {
	t.Parallel()
	b := newBuffers(partSize, 256)
	var releases []func()
	for range largeBudget / partSize {
		_, release, err := b.take(t.Context(), partSize)
		if err != nil {
			t.Fatal(err)
		}
		releases = append(releases, release)
	}
	full, cancel := context.WithCancel(t.Context())
	cancel()
	for _, n := range []int64{littleBody + 1, partSize, 30_000_000} {
		if _, _, err := b.take(full, n); !errors.Is(err, context.Canceled) {
			t.Errorf("there is room for %d bytes more: %v", n, err)
		}
	}
	buffer, release, err := b.take(t.Context(), 50_000)
	if err != nil || len(buffer) != 50_000 {
		t.Errorf("a little one has %d bytes, %v", len(buffer), err)
	}
	release()
	for _, release := range releases {
		release()
	}
	buffer, release, err = b.take(t.Context(), 300<<20) // more than there ever is: alone
	if err != nil || len(buffer) != 300<<20 {
		t.Errorf("a very long one has %d bytes, %v", len(buffer), err)
	}
	release()
}
