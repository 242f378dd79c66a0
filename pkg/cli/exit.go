package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// Codes with which the program exits.
const (
	// ExitDone is for what went well.
	ExitDone = 0
	// ExitFailed is for an operation that failed, and for everything else that
	// went wrong.
	ExitFailed = 1
	// ExitUsage is for a command line that is wrong: nothing was done.
	ExitUsage = 2
	// ExitCancelled is for an operation that was cancelled. It is what a shell says
	// of a program that Ctrl-C ended.
	ExitCancelled = 130
)

// UsageError is a command line that is wrong.
type UsageError struct{ Err error }

// Error says what is wrong with it.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap is the reason.
func (e *UsageError) Unwrap() error { return e.Err }

// OutcomeError is an operation that did not become COMPLETED.
type OutcomeError struct{ Op rest.Operation }

// Error tells what the operation says went wrong.
func (e *OutcomeError) Error() string {
	lines := make([]string, 0, 1+len(e.Op.Errors))
	lines = append(lines, fmt.Sprintf("%s is %s", e.Op.Type, e.Op.State))
	for _, told := range e.Op.Errors {
		lines = append(lines, strings.TrimPrefix(told.Source+": "+told.Message, ": "))
	}
	return strings.Join(lines, "\n  ")
}

// ExitCode is how the program exits with an error.
func ExitCode(err error) int {
	var usage *UsageError
	var outcome *OutcomeError
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &usage):
		return ExitUsage
	case errors.As(err, &outcome) && outcome.Op.State == rest.StateCancelled:
		return ExitCancelled
	default:
		return ExitFailed
	}
}

// Outcome is nil for an operation that is COMPLETED.
func Outcome(op rest.Operation) error {
	if op.State == rest.StateCompleted {
		return nil
	}
	return &OutcomeError{op}
}
