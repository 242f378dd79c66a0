package controller

import (
	"encoding/json"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// memory is what a reconciler remembers of the objects that it works on. All of
// it can be lost: a new process has none.
type memory struct {
	mu      sync.Mutex
	objects map[types.NamespacedName]*recollection
}

// recollection belongs to the pass that works on the object; there is one at a time.
type recollection struct {
	uid types.UID
	// resumed is the step in which this process took the object over from an
	// earlier life, which may have sent requests that the status does not tell of.
	resumed string
	// results are what finished operations found out, by operation id: too much for
	// the status, and the sidecar can be asked again as long as it remembers.
	results map[string]json.RawMessage
	// wrote is when the status was written last.
	wrote time.Time
	// missing is since when members of the ring have no pod.
	missing time.Time
}

func newMemory() *memory { return &memory{objects: map[types.NamespacedName]*recollection{}} }

// of returns what is remembered of an object. Step is the one that it has reached.
func (m *memory) of(name types.NamespacedName, uid types.UID, step string) *recollection {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.objects[name]
	if !ok || r.uid != uid {
		r = &recollection{uid: uid, resumed: step, results: map[string]json.RawMessage{}}
		m.objects[name] = r
	}
	return r
}

func (m *memory) forget(name types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, name)
}

// keep remembers a result. Nodes have the same tables: equal ones are kept once.
func (r *recollection) keep(id string, result json.RawMessage) {
	for _, other := range r.results {
		if string(other) == string(result) {
			result = other
			break
		}
	}
	r.results[id] = result
}
