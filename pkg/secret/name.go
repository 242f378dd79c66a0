package secret

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	// ErrNotAllowed is what a request gets that names a Secret it may not.
	ErrNotAllowed = errors.New("not a Secret that requests may name")
	// ErrNotInPod says that there is no service account to read with.
	ErrNotInPod = errors.New("not in a pod with a service account")
	// ErrNotFound says that there is no such Secret.
	ErrNotFound = errors.New("no such Secret")
	// ErrDenied says that the service account may not read it.
	ErrDenied = errors.New("reading the Secret is denied")
)

// Name is a Secret; without a namespace it is one of the pod's own.
type Name struct{ Namespace, Name string }

// String is namespace/name.
func (n Name) String() string {
	if n.Namespace == "" {
		return n.Name
	}
	return n.Namespace + "/" + n.Name
}

var (
	label     = `[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?`
	namespace = regexp.MustCompile(`^` + label + `$`)
	subdomain = regexp.MustCompile(`^` + label + `(\.` + label + `)*$`)
)

// maxName is the longest name of an object in Kubernetes.
const maxName = 253

// ParseName reads namespace/name, or name.
func ParseName(s string) (Name, error) {
	space, name, both := strings.Cut(s, "/")
	if !both {
		space, name = "", s
	}
	n := Name{space, name}
	if both && space == "" || !n.valid() {
		return Name{}, fmt.Errorf("%.300q is not the name of a Secret: it must be name, or namespace/name, as Kubernetes has them", s)
	}
	return n, nil
}

func (n Name) valid() bool {
	return len(n.Name) <= maxName && subdomain.MatchString(n.Name) && (n.Namespace == "" || namespace.MatchString(n.Namespace))
}

// Reader reads the Secrets that requests may name. The zero value reads none.
type Reader struct {
	Pod Pod
	// Allowed are those that requests may name.
	Allowed []Name
	// AllowAll is for a command line: whoever runs it asks for himself.
	AllowAll bool
}

// Resolve completes what a request names, and refuses what it may not name.
func (r Reader) Resolve(n Name) (Name, error) {
	if !n.valid() {
		return Name{}, fmt.Errorf("%w: %.300q is no name of one", ErrNotAllowed, n.String())
	}
	refused := fmt.Errorf("%w: %s; --allow-secret %[2]s of the sidecar allows it", ErrNotAllowed, n)
	if !r.AllowAll && len(r.Allowed) == 0 {
		return Name{}, refused
	}
	full, err := r.complete(n)
	if err != nil {
		return Name{}, err
	}
	if r.AllowAll {
		return full, nil
	}
	allowed := slices.ContainsFunc(r.Allowed, func(a Name) bool {
		a, err := r.complete(a)
		return err == nil && a == full
	})
	if !allowed {
		return Name{}, refused
	}
	return full, nil
}

// complete adds the pod's own namespace where none is named.
func (r Reader) complete(n Name) (Name, error) {
	if n.Namespace != "" {
		return n, nil
	}
	own, err := r.Pod.namespace()
	if err != nil {
		return Name{}, fmt.Errorf("finding the namespace of Secret %s: %w", n, err)
	}
	n.Namespace = own
	return n, nil
}
