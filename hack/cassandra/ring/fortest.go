package ring

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/icarus-sidecar/icarus/hack/cache"
)

// shared are the rings of this test binary, by their options.
var shared = struct {
	sync.Mutex
	rings map[string]*sharedRing
}{rings: map[string]*sharedRing{}}

type sharedRing struct {
	once    sync.Once
	ring    *Ring
	release func()
	err     error
}

// ForTest returns the ring of this test binary with these options, started by
// the first test that asks. It stays up for the others: give keyspaces names of
// your own, and take Own to stop nodes. Directory and addresses are chosen so
// that several binaries can have rings at the same time.
//
// It never skips, but with -short: where there is no Java the test fails, and
// says what to install. TestMain must call Main or use Around.
func ForTest(tb testing.TB, o Options) *Ring {
	tb.Helper()
	notShort(tb)
	key, err := json.Marshal(o)
	if err != nil {
		tb.Fatalf("naming a ring: %v", err)
	}
	shared.Lock()
	s, ok := shared.rings[string(key)]
	if !ok {
		s = &sharedRing{}
		shared.rings[string(key)] = s
	}
	shared.Unlock()
	s.once.Do(func() { s.ring, s.release, s.err = upForTest(tb.Context(), o) })
	if s.err != nil {
		tb.Fatalf("starting the ring of this test: %v", s.err)
	}
	return s.ring
}

// Own returns a ring for this test alone, which may do with it what it likes. It
// is stopped at the test's end.
func Own(tb testing.TB, o Options) *Ring {
	tb.Helper()
	notShort(tb)
	r, release, err := upForTest(tb.Context(), o)
	if err != nil {
		tb.Fatalf("starting the ring of this test: %v", err)
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("the logs of the ring are in %s", r.Options.Dir)
		}
		if err := r.Down(context.WithoutCancel(tb.Context())); err != nil {
			tb.Errorf("stopping the ring of this test: %v", err)
		}
		release()
	})
	return r
}

func notShort(tb testing.TB) {
	tb.Helper()
	if testing.Short() {
		tb.Skip("needs a Cassandra ring, which -short leaves out")
	}
}

// upForTest brings a ring up at addresses of its own; release gives them back.
func upForTest(ctx context.Context, o Options) (r *Ring, release func(), err error) {
	o.DieWithParent = true // a test that is killed leaves no ring
	o.Output = os.Stderr
	full, err := o.withDefaults()
	if err != nil {
		return nil, nil, err
	}
	if o.Subnet, release, err = claimSubnet(ctx, full); err != nil {
		return nil, nil, err
	}
	if o.Dir, err = cache.Dir("run", "test", strings.ReplaceAll(o.Subnet, ".", "-")); err == nil {
		r, err = Up(ctx, o)
	}
	if err != nil {
		release()
		return nil, nil, err
	}
	return r, release, nil
}

// Runner is a *testing.M, or what stands in front of one.
type Runner interface {
	// Run runs the tests and returns the exit code.
	Run() int
}

// Main runs the tests of a binary, stops the rings they started and leaves. It
// is the body of a TestMain.
func Main(m *testing.M) { os.Exit(Around(m).Run()) }

// Around stops the rings after the tests, for a TestMain that does more than
// Main: goleak.VerifyTestMain(ring.Around(m)).
func Around(m Runner) Runner { return around{m} }

type around struct{ tests Runner }

// Run runs the tests, then stops the rings.
func (a around) Run() int {
	code := a.tests.Run()
	if err := stopShared(context.Background(), code != 0); err != nil {
		fmt.Fprintln(os.Stderr, "stopping the rings of the tests:", err)
		return max(code, 1)
	}
	return code
}

func stopShared(ctx context.Context, failed bool) error {
	shared.Lock()
	defer shared.Unlock()
	var errs []error
	for key, s := range shared.rings {
		delete(shared.rings, key)
		if s.ring == nil {
			continue
		}
		if failed {
			fmt.Fprintln(os.Stderr, "The logs of Cassandra are in", s.ring.Options.Dir)
		}
		errs = append(errs, s.ring.Down(ctx))
		s.release()
	}
	return errors.Join(errs...)
}
