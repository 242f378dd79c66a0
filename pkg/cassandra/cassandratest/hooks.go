package cassandratest

import (
	"context"
	"reflect"
	"slices"
	"sync"
)

// hooks are what a test has set for the calls of a node, and what it wants to
// know of them.
type hooks struct {
	mu     sync.Mutex
	calls  []Call
	errs   map[string]error
	blocks map[string]*block
}

type block struct {
	reached, released chan struct{}
	once, release     sync.Once
}

// Fail makes a method fail with err before it does anything, until err is nil.
func (f *Fake) Fail(method string, err error) {
	f.mustHave(method)
	f.hooks.mu.Lock()
	defer f.hooks.mu.Unlock()
	if f.hooks.errs == nil {
		f.hooks.errs = map[string]error{}
	}
	f.hooks.errs[method] = err
}

// Block makes calls of a method wait, before they do anything, until release or
// the end of their context. The channel reached is closed when the first waits.
func (f *Fake) Block(method string) (reached <-chan struct{}, release func()) {
	f.mustHave(method)
	b := &block{reached: make(chan struct{}), released: make(chan struct{})}
	f.hooks.mu.Lock()
	defer f.hooks.mu.Unlock()
	if f.hooks.blocks == nil {
		f.hooks.blocks = map[string]*block{}
	}
	f.hooks.blocks[method] = b
	return b.reached, func() { b.release.Do(func() { close(b.released) }) }
}

// mustHave keeps a typing error from being a hook that never comes.
func (f *Fake) mustHave(method string) {
	f.tb.Helper()
	if _, ok := reflect.TypeFor[Node]().MethodByName(method); !ok {
		f.tb.Fatalf("a node has no method %q", method)
	}
}

// Calls are those of some methods so far, of all if none is named, in their
// order: "Truncate shop items".
func (f *Fake) Calls(methods ...string) []string {
	for _, method := range methods {
		f.mustHave(method)
	}
	f.hooks.mu.Lock()
	defer f.hooks.mu.Unlock()
	var calls []string
	for _, c := range f.hooks.calls {
		if len(methods) == 0 || slices.Contains(methods, c.Method) {
			calls = append(calls, c.String())
		}
	}
	return calls
}

func (h *hooks) log(c Call) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, c)
}

// meet waits and fails as it was set.
func (h *hooks) meet(ctx context.Context, method string) error {
	h.mu.Lock()
	b := h.blocks[method]
	h.mu.Unlock()
	if b != nil {
		b.once.Do(func() { close(b.reached) })
		select {
		case <-b.released:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.errs[method]
}
