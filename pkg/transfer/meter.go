package transfer

import (
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// reportInterval is how often a watcher looks at progress; telling more often
// would only cost.
const reportInterval = 100 * time.Millisecond

// Counts tell how far the work is.
type Counts struct {
	// Of all that there is to do.
	FilesTotal, BytesTotal int64
	// Moved, or found in place.
	FilesDone, BytesDone int64
	// Found in place.
	FilesReused, BytesReused int64
}

// Plus is the sum of two counts.
func (c Counts) Plus(d Counts) Counts {
	return Counts{
		FilesTotal: c.FilesTotal + d.FilesTotal, BytesTotal: c.BytesTotal + d.BytesTotal,
		FilesDone: c.FilesDone + d.FilesDone, BytesDone: c.BytesDone + d.BytesDone,
		FilesReused: c.FilesReused + d.FilesReused, BytesReused: c.BytesReused + d.BytesReused,
	}
}

// Reused are the counts of one file that was found in place.
func Reused(size int64) Counts {
	return Counts{FilesTotal: 1, FilesDone: 1, FilesReused: 1, BytesTotal: size, BytesDone: size, BytesReused: size}
}

// meter adds up what streams did and reports it.
type meter struct {
	clock  clock.PassiveClock
	report func(Counts)

	mu     sync.Mutex // also held while reporting, which keeps reports in order
	counts Counts
	last   time.Time
}

func newMeter(o Options) *meter {
	return &meter{clock: o.clock(), report: o.Report, counts: o.Counted}
}

func (m *meter) add(c Counts) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts = m.counts.Plus(c)
	if m.report == nil {
		return
	}
	if now := m.clock.Now(); now.Sub(m.last) >= reportInterval {
		m.last = now
		m.report(m.counts)
	}
}

// finish reports the last word.
func (m *meter) finish() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.report != nil {
		m.report(m.counts)
	}
}

// tally is what one file has added to a meter so far, so that it can be taken
// back when the file is begun again.
type tally struct {
	m     *meter
	bytes int64
}

func (t *tally) add(n int) {
	t.bytes += int64(n)
	t.m.add(Counts{BytesDone: int64(n)})
}

// again takes back what an earlier attempt added.
func (t *tally) again() {
	t.m.add(Counts{BytesDone: -t.bytes})
	t.bytes = 0
}

// moved counts the file, all bytes of which were counted.
func (t *tally) moved() { t.m.add(Counts{FilesDone: 1}) }

// reused counts a file of size bytes that was found in place.
func (t *tally) reused(size int64) {
	t.m.add(Counts{FilesDone: 1, FilesReused: 1, BytesDone: size - t.bytes, BytesReused: size})
	t.bytes = size
}
