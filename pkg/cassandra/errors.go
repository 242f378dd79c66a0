package cassandra

import (
	"errors"
	"fmt"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

var (
	// ErrInvalid is for an argument that no Cassandra could accept.
	ErrInvalid = errors.New("invalid argument")
	// ErrUnknownKeyspace is for a keyspace that the node's schema does not have.
	ErrUnknownKeyspace = errors.New("no such keyspace")
	// ErrUnknownTable is for a table that the node's schema does not have.
	ErrUnknownTable = errors.New("no such table")
	// ErrSnapshotExists is for a snapshot whose tag is taken.
	ErrSnapshotExists = errors.New("the snapshot exists already")
	// ErrUnsupported is for what this release of Cassandra cannot do.
	ErrUnsupported = errors.New("not supported by this release of Cassandra")
	// ErrUnhealthy is what every HealthError is.
	ErrUnhealthy = errors.New("the ring is not healthy")
)

// HealthError lists everything that keeps a node or its ring from being healthy.
type HealthError struct {
	Reasons []string
}

// Error lists the reasons.
func (e *HealthError) Error() string {
	return ErrUnhealthy.Error() + ": " + strings.Join(e.Reasons, "; ")
}

// Is makes every HealthError an ErrUnhealthy.
func (e *HealthError) Is(target error) bool { return target == ErrUnhealthy }

// answer is an exception of Cassandra, told by its root cause: the exceptions
// around that only say how it travelled.
type answer struct {
	text string
	err  error
}

func (a *answer) Error() string { return "Cassandra answered " + a.text }

func (a *answer) Unwrap() error { return a.err }

// doing says what was being done when err came, and puts an exception's root
// cause into the text. A nil err stays nil.
func doing(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	if text := rootText(err); text != "" {
		err = &answer{text, err}
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

// rootText is the message and class of the exception at the end of the causes,
// "" if err is no exception. A root without a message, as a null pointer's, is
// told by the message nearest to it.
func rootText(err error) string {
	var exception *jmx.Exception
	if !errors.As(err, &exception) {
		return ""
	}
	message, class := "", ""
	for e := exception; e != nil; e = e.Cause {
		class = e.Class
		if e.Message != "" {
			message = e.Message
		}
	}
	if message == "" {
		return class
	}
	return fmt.Sprintf("%q (%s)", message, class)
}

// says reports whether an exception's text has these words.
func says(err error, words string) bool { return strings.Contains(rootText(err), words) }
