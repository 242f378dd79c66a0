package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

// instant is a clock on which whoever waits has waited.
type instant struct{ *clocktesting.FakeClock }

func newInstant() instant { return instant{clocktesting.NewFakeClock(time.Unix(0, 0))} }

func (c instant) NewTimer(d time.Duration) clock.Timer {
	timer := c.FakeClock.NewTimer(d)
	c.Step(d)
	return timer
}

var (
	errBroken = fmt.Errorf("%w: connection reset", store.ErrTransient)
	errAway   = fmt.Errorf("%w: connection refused", store.ErrUnreachable)
)

// failing fails the first n calls of a method.
func failing(op storetest.Op, n int32, err error) func(context.Context, storetest.Op, string) error {
	var calls atomic.Int32
	return func(_ context.Context, o storetest.Op, _ string) error {
		if o == op && calls.Add(1) <= n {
			return err
		}
		return nil
	}
}

func TestWhatIsTriedAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err   error
		retry store.Retry
		calls int
		fails bool
	}{
		"a broken connection":      {err: errBroken, calls: 4},
		"a store that is busy":     {err: store.ErrThrottled, calls: 4},
		"as often as asked":        {err: errBroken, retry: store.Retry{MaxAttempts: 2, Interval: time.Second}, calls: 2, fails: true},
		"corrupt data is not":      {err: store.ErrCorrupt, calls: 1, fails: true},
		"what is denied is not":    {err: store.ErrDenied, calls: 1, fails: true},
		"what is not there is not": {err: store.ErrNotFound, calls: 1, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			faulty := storetest.NewFaulty(storetest.NewMemory())
			if err := faulty.Create(t.Context(), "k", nil); err != nil {
				t.Fatal(err)
			}
			faulty.Before = failing(storetest.Stat, 3, c.err)
			_, err := store.Retrying(faulty, c.retry, newInstant()).Stat(t.Context(), "k")
			if (err != nil) != c.fails || c.fails && !errors.Is(err, c.err) || faulty.Calls(storetest.Stat) != c.calls {
				t.Errorf("after %d calls: %v", faulty.Calls(storetest.Stat), err)
			}
		})
	}
}

func TestAStoreThatNeverAnsweredIsGivenUpSoon(t *testing.T) {
	t.Parallel()
	for name, answered := range map[string]bool{"never": false, "before": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newInstant()
			faulty := storetest.NewFaulty(storetest.NewMemory())
			b := store.Retrying(faulty, store.Retry{}, c)
			if answered {
				if err := b.Create(t.Context(), "k", nil); err != nil {
					t.Fatal(err)
				}
			}
			faulty.Before = failing(storetest.Stat, 1000, errAway)
			start := c.Now()
			_, err := b.Stat(t.Context(), "k")
			took := c.Since(start)
			if !errors.Is(err, store.ErrUnreachable) || !errors.Is(err, store.ErrTransient) || answered != (took > 10*time.Second) {
				t.Errorf("after %s: %v", took, err)
			}
		})
	}
}

func TestWaitingForTheNextAttemptEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	faulty := storetest.NewFaulty(storetest.NewMemory())
	faulty.Before = func(context.Context, storetest.Op, string) error { cancel(); return errBroken }
	// Nobody moves this clock.
	b := store.Retrying(faulty, store.Retry{}, clocktesting.NewFakeClock(time.Unix(0, 0)))
	if err := b.Delete(ctx, "k"); err == nil || faulty.Calls(storetest.Delete) != 1 {
		t.Errorf("after %d calls: %v", faulty.Calls(storetest.Delete), err)
	}
}

func TestALostAnswerIsNoFailure(t *testing.T) {
	t.Parallel()
	body := []byte("body")
	for name, write := range map[string]func(context.Context, store.Bucket) error{
		"Put":    func(ctx context.Context, b store.Bucket) error { return b.Put(ctx, "k", 4, storetest.Opening(body)) },
		"Create": func(ctx context.Context, b store.Bucket) error { return b.Create(ctx, "k", body) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			faulty := storetest.NewFaulty(storetest.NewMemory())
			faulty.After = func(op storetest.Op, _ string) error {
				if op == storetest.Op(name) {
					return errBroken
				}
				return nil
			}
			if err := write(t.Context(), store.Retrying(faulty, store.Retry{}, newInstant())); err != nil {
				t.Error(err)
			}
			if n := faulty.Calls(storetest.Op(name)); n != 2 {
				t.Errorf("%d calls", n)
			}
		})
	}
}

func TestAnotherWritersObjectIsNotOurs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		there string
		first error // of our first attempt
		write func(context.Context, store.Bucket) error
	}{
		"another size": {"other!", errBroken, func(ctx context.Context, b store.Bucket) error {
			return b.Put(ctx, "k", 4, storetest.Opening([]byte("body")))
		}},
		"another document of that size": {"ydob", errBroken, func(ctx context.Context, b store.Bucket) error { return b.Create(ctx, "k", []byte("body")) }},
		// Where no connection was made, nothing was written.
		"an attempt that did not happen": {"ydob", errAway, func(ctx context.Context, b store.Bucket) error {
			return b.Put(ctx, "k", 4, storetest.Opening([]byte("body")))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			memory := storetest.NewMemory()
			if err := memory.Create(t.Context(), "k", []byte(c.there)); err != nil {
				t.Fatal(err)
			}
			faulty := storetest.NewFaulty(memory)
			first := true
			faulty.Before = func(_ context.Context, op storetest.Op, _ string) error {
				if first && (op == storetest.Put || op == storetest.Create) {
					first = false
					return c.first
				}
				return nil
			}
			if err := c.write(t.Context(), store.Retrying(faulty, store.Retry{}, newInstant())); !errors.Is(err, store.ErrExists) {
				t.Error(err)
			}
		})
	}
}

func TestASourceThatFailsIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	opened := 0
	b := open(t, "file://"+t.TempDir()+"/b/c/d/n", store.Options{Clock: newInstant()}, true)
	err := b.Put(t.Context(), "k", 4, func() (io.ReadCloser, error) {
		opened++
		return nil, fmt.Errorf("%w: the disk of Cassandra", store.ErrTransient)
	})
	if err == nil || opened != 1 {
		t.Errorf("opened %d times: %v", opened, err)
	}
}

func TestReadingGoesOnWhereItBroke(t *testing.T) {
	t.Parallel()
	body := bytes.Repeat([]byte("0123456789"), 1000)
	for name, cut := range map[string]func(r io.Reader) io.Reader{
		"with an error":         func(r io.Reader) io.Reader { return storetest.Broken(r, 3000, errBroken) },
		"as if it were its end": func(r io.Reader) io.Reader { return storetest.Truncated(r, 3000) },
		"at once":               func(r io.Reader) io.Reader { return storetest.Broken(r, 0, errBroken) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			memory := storetest.NewMemory()
			if err := memory.Create(t.Context(), "k", body); err != nil {
				t.Fatal(err)
			}
			faulty := storetest.NewFaulty(memory)
			faulty.Body = func(_ string, r io.Reader) io.Reader {
				if faulty.Calls(storetest.Get) > 3 {
					return r
				}
				return cut(r)
			}
			r, _, err := store.Retrying(faulty, store.Retry{}, newInstant()).Get(t.Context(), "k", 7)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, body[7:]) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAnObjectThatChangesWhileItIsReadIsCorrupt(t *testing.T) {
	t.Parallel()
	memory := storetest.NewMemory()
	if err := memory.Create(t.Context(), "k", make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	faulty := storetest.NewFaulty(memory)
	faulty.Body = func(_ string, r io.Reader) io.Reader {
		if err := memory.Replace(t.Context(), "k", make([]byte, 100)); err != nil {
			t.Error(err)
		}
		return storetest.Truncated(r, 50)
	}
	r, _, err := store.Retrying(faulty, store.Retry{}, newInstant()).Get(t.Context(), "k", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, store.ErrCorrupt) {
		t.Error(err)
	}
}

// listBreaks is a bucket whose List breaks, each time two objects later.
type listBreaks struct {
	store.Bucket
	good int
}

func (b *listBreaks) List(ctx context.Context, prefix string) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		b.good += 2
		n := 0
		for o, err := range b.Bucket.List(ctx, prefix) {
			if n++; n > b.good {
				o, err = store.Object{}, errBroken
			}
			if !yield(o, err) || err != nil {
				return
			}
		}
	}
}

func TestListGoesOnWhereItBroke(t *testing.T) {
	t.Parallel()
	memory := storetest.NewMemory()
	var want []string
	for i := range 9 {
		want = append(want, fmt.Sprintf("k%d", i))
		if err := memory.Create(t.Context(), want[i], nil); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for o, err := range store.Retrying(&listBreaks{memory, 0}, store.Retry{}, newInstant()).List(t.Context(), "k") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, o.Key)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Error(got)
	}
}
