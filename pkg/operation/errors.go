package operation

import (
	"errors"
	"fmt"
)

var (
	// ErrNotFound is for an id that no operation has, or had until it expired.
	ErrNotFound = errors.New("no such operation")
	// ErrQueueFull is for a submission while as many wait as may wait.
	ErrQueueFull = errors.New("too many operations are waiting; try again when some have finished")
	// ErrConflict is what every ConflictError is.
	ErrConflict = errors.New("conflict with another operation")
	// ErrUnknownType is for a request that no kind is registered for.
	ErrUnknownType = errors.New("unknown type of operation")
	// ErrClosed is for a submission to a manager that is stopping, and the
	// cause of the cancelled context of an operation that this interrupts.
	ErrClosed = errors.New("the sidecar is stopping")
	// ErrJournal is for a journal that cannot be opened, read or written.
	ErrJournal = errors.New("journal of operations")

	// errCancelled is the cause of the cancelled context of a cancelled operation.
	errCancelled = errors.New("the operation was cancelled")
)

// ConflictError refuses a submission because of another operation.
type ConflictError struct {
	// ID is the operation in the way.
	ID string
	// SameID is set where that operation has the id that was submitted, but
	// another request; otherwise the two may not be at work at once.
	SameID bool
}

// Error names the operation in the way.
func (e *ConflictError) Error() string {
	if e.SameID {
		return fmt.Sprintf("operation %s exists with another request; choose another id", e.ID)
	}
	return fmt.Sprintf("operation %s is at work and excludes this one; wait for it or cancel it", e.ID)
}

// Is makes every ConflictError an ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }
