package cassandra

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

// stub is a connection to a Cassandra that answers what a test says.
type stub struct {
	values map[jmx.ObjectName]map[string]any
	// failing attributes are left out where several are read, as JMX does.
	failing map[string]error
	beans   []jmx.ObjectName
	info    *jmx.BeanInfo
	invoke  func(bean jmx.ObjectName, op string, args []any) (any, error)
	closing error

	mu      sync.Mutex
	invoked []call
	infos   int
	open    int
}

type call struct {
	bean      jmx.ObjectName
	op        string
	signature []string
	args      []any
}

// node connects to the stub each time.
func (s *stub) node(t *testing.T) *Node {
	t.Helper()
	t.Cleanup(func() {
		if s.open != 0 {
			t.Errorf("%d connections were left open", s.open)
		}
	})
	return Over(func(context.Context) (Conn, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.open++
		return s, nil
	})
}

func (s *stub) Attribute(_ context.Context, bean jmx.ObjectName, name string) (any, error) {
	if err := s.failing[name]; err != nil {
		return nil, err
	}
	v, there := s.values[bean][name]
	if !there {
		return nil, &jmx.Exception{Class: "javax.management.AttributeNotFoundException", Message: name}
	}
	return v, nil
}

func (s *stub) Attributes(_ context.Context, bean jmx.ObjectName, names ...string) (map[string]any, error) {
	values := map[string]any{}
	for _, name := range names {
		if v, there := s.values[bean][name]; there && s.failing[name] == nil {
			values[name] = v
		}
	}
	return values, nil
}

func (s *stub) Invoke(_ context.Context, bean jmx.ObjectName, op string, signature []string, args ...any) (any, error) {
	s.mu.Lock()
	s.invoked = append(s.invoked, call{bean, op, signature, args})
	s.mu.Unlock()
	if s.invoke == nil {
		return nil, nil //nolint:nilnil // as what is void
	}
	return s.invoke(bean, op, args)
}

func (s *stub) Query(_ context.Context, pattern string) ([]jmx.ObjectName, error) {
	var found []jmx.ObjectName
	prefix, isPattern := strings.CutSuffix(pattern, "*")
	for _, bean := range s.beans {
		if string(bean) == pattern || isPattern && strings.HasPrefix(string(bean), prefix) {
			found = append(found, bean)
		}
	}
	return found, nil
}

func (s *stub) Info(context.Context, jmx.ObjectName) (*jmx.BeanInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.infos++
	return s.info, nil
}

func (s *stub) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	return s.closing
}

// texts is a collection as package jmx gives it.
func texts(some ...string) []any {
	all := make([]any, len(some))
	for i, text := range some {
		all[i] = text
	}
	return all
}

// stubWithTable has table ks.t.
func stubWithTable(release string, attributes []string, operations ...jmx.Operation) *stub {
	return &stub{
		values: map[jmx.ObjectName]map[string]any{
			storageService:       {"ReleaseVersion": release, "Keyspaces": texts("system", "ks")},
			tableBean("ks", "t"): {},
		},
		beans: []jmx.ObjectName{tableBean("ks", "t"), tableBean("system", "local")},
		info:  &jmx.BeanInfo{Attributes: attributes, Operations: operations},
	}
}

func operation(name string, signature ...string) jmx.Operation {
	return jmx.Operation{Name: name, Signature: signature}
}
