package store

import (
	"errors"
	"fmt"
)

// What callers branch on. Every error of a Bucket is one of these, the error of
// a context, or that of the file system or reader that an object came from.
var (
	// ErrInvalid is for what no bucket could do: a location, key, offset or size.
	ErrInvalid = errors.New("invalid")
	// ErrNotFound is for a key that no object has.
	ErrNotFound = errors.New("no such object")
	// ErrExists is for a key that is taken.
	ErrExists = errors.New("the object exists already")
	// ErrNoBucket is for a bucket that is not there.
	ErrNoBucket = errors.New("no such bucket")
	// ErrDenied is for credentials that are wrong, or may not do that.
	ErrDenied = errors.New("access denied")
	// ErrThrottled is for a store that asks for fewer requests.
	ErrThrottled = errors.New("the store asks to slow down")
	// ErrTransient is for what may go well at the next attempt.
	ErrTransient = errors.New("the store failed for the moment")
	// ErrCorrupt is for bytes that are not the ones that were stored.
	ErrCorrupt = errors.New("corrupt data")
	// ErrUnreachable is the ErrTransient of a store to which no connection can
	// be made: nothing that was asked for has happened.
	ErrUnreachable error = unreachableError{}
)

type unreachableError struct{}

// Error says what it is.
func (unreachableError) Error() string { return "unreachable bucket" }

// Is makes it an ErrTransient.
func (unreachableError) Is(target error) bool { return target == ErrTransient }

// as makes err one of the sentinels. A nil err stays nil, and what is of that
// kind already stays as it is.
func as(kind, err error) error {
	if err == nil || errors.Is(err, kind) {
		return err
	}
	return fmt.Errorf("%w: %w", kind, err)
}

func asTransient(what string) error { return fmt.Errorf("%w: %s", ErrTransient, what) }

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrInvalid, fmt.Errorf(format, args...))
}
