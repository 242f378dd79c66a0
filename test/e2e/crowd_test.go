package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/icarus-sidecar/icarus/api/rest"
)

const crowdSchema = "40b7edb9-c49e-3800-9b50-353ea0f50fa7"

// crowd is the sidecars of a large ring behind one listener, at addresses of
// their own. They complete what they are asked to do at once.
type crowd struct {
	port      int32
	addresses []string
	topology  []byte

	mu       sync.Mutex
	requests int
	ops      map[string]rest.Operation // by address and id
	begun    int                       // backups
	last     time.Time                 // when the last of them was
}

func newCrowd(t *testing.T, n int) *crowd {
	t.Helper()
	c := &crowd{ops: map[string]rest.Operation{}}
	ring := rest.Topology{Timestamp: 1, ClusterName: "crowd", SchemaVersion: crowdSchema}
	for i := range n {
		address := fmt.Sprintf("127.5.%d.%d", i/250, i%250+1)
		c.addresses = append(c.addresses, address)
		ring.Topology = append(ring.Topology, rest.TopologyNode{
			Hostname: address, Cluster: ring.ClusterName, DC: "dc1", Rack: "rack1", IPAddress: address,
			NodeID: uuid.NewSHA1(uuid.Nil, []byte(address)).String(),
		})
	}
	var err error
	if c.topology, err = json.Marshal(ring); err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	c.port = int32(l.Addr().(*net.TCPAddr).Port)
	s := httptest.NewUnstartedServer(c)
	_ = s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return c
}

// ServeHTTP answers as the sidecar at the address that was called.
func (c *crowd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	status, answer := c.answer(r, body)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}

func (c *crowd) answer(r *http.Request, body []byte) (int, []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	at := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr).IP.String()
	switch id := strings.TrimPrefix(r.URL.Path, "/operations/"); {
	case r.URL.Path == "/topology":
		return http.StatusOK, c.topology
	case r.URL.Path == "/version/schema":
		return encoded(http.StatusOK, rest.SchemaVersion{SchemaVersion: crowdSchema})
	case r.Method == http.MethodPost:
		return c.submit(at, body)
	default:
		op, ok := c.ops[at+id]
		if !ok {
			return encoded(http.StatusNotFound, rest.Error{Code: http.StatusNotFound, Message: "there is no operation " + id})
		}
		return encoded(http.StatusOK, op)
	}
}

func (c *crowd) submit(at string, body []byte) (int, []byte) {
	req, _, err := rest.Decode(body)
	if err != nil {
		return encoded(http.StatusBadRequest, rest.Error{Code: http.StatusBadRequest, Message: err.Error()})
	}
	id := req.RequestID()
	op, ok := c.ops[at+id]
	if !ok {
		op = rest.Operation{
			ID: id, Type: req.RequestType(), State: rest.StateCompleted, Progress: 1, Errors: []rest.OperationError{}, Instance: uuid.NewSHA1(uuid.Nil, []byte(at)).String(),
		}
		if backup, ok := req.(*rest.BackupRequest); ok {
			c.begun++
			c.last = time.Now()
			op.Transfer = &rest.Transfer{BytesTotal: 1 << 30, BytesDone: 1 << 30, FilesTotal: 900, FilesDone: 900}
			op.Result, _ = json.Marshal(rest.BackupResult{SnapshotTag: backup.SnapshotTag, SchemaVersion: crowdSchema, Tables: 1})
		}
		c.ops[at+id] = op
	}
	return encoded(http.StatusCreated, op)
}

func encoded(status int, answer any) (int, []byte) {
	text, err := json.Marshal(answer)
	if err != nil {
		return http.StatusInternalServerError, nil
	}
	return status, text
}

// seen is how many requests there were, how many backups began, and when the last did.
func (c *crowd) seen() (requests, begun int, last time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests, c.begun, c.last
}
