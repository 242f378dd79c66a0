package cluster

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// Reason is what kind of trouble there was in talking to a sidecar.
type Reason string

// The reasons, by what they say about a submission.
const (
	// Refused is for a connection that did not come about: nothing was started.
	Refused Reason = "Refused"
	// Unreachable is for a call without an answer: it may have arrived.
	Unreachable Reason = "Unreachable"
	// Busy is for a sidecar that does not take it now.
	Busy Reason = "Busy"
	// Conflict is for another operation in the way: nothing was started. It may
	// be the child of the phase before, in the moment between its end and its
	// place being free.
	Conflict Reason = "Conflict"
	// Final is for an answer that stays the same: nothing was started.
	Final Reason = "Final"
)

// Problem is the last trouble with a child's sidecar.
type Problem struct {
	Reason  Reason `json:"reason"`
	Message string `json:"message"`
}

// classify sorts the errors of calls. Answers are *rest.Error with their code,
// and whatever else is an error of getting one.
func classify(err error) Problem {
	p := Problem{Reason: Unreachable, Message: err.Error()}
	var told *rest.Error
	var dialing *net.OpError
	switch {
	case errors.As(err, &told):
		p.Reason = reasonOf(told.Code)
		p.Message = describe(err, told)
	case errors.As(err, &dialing) && dialing.Op == "dial":
		p.Reason = Refused
	}
	return p
}

func reasonOf(code int) Reason {
	switch {
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests:
		return Busy
	case code == http.StatusConflict:
		return Conflict
	case code >= 400 && code <= 499:
		return Final
	default:
		return Unreachable
	}
}

// describe adds the violations, which the text of the error leaves out.
func describe(err error, told *rest.Error) string {
	parts := make([]string, 0, len(told.Violations)+1)
	parts = append(parts, err.Error())
	for _, v := range told.Violations {
		parts = append(parts, fmt.Sprintf("%s %s", v.Field, v.Message))
	}
	return strings.Join(parts, "; ")
}

// isMissing reports whether a sidecar answered that it does not know the operation.
func isMissing(err error) bool {
	var told *rest.Error
	return errors.As(err, &told) && told.Code == http.StatusNotFound
}

// did finishes a sentence about the sidecar.
func (r Reason) did() string {
	switch r {
	case Refused:
		return "could not be connected to"
	case Busy:
		return "was too busy"
	case Conflict:
		return "had another operation in the way"
	case Final:
		return "refused the request"
	case Unreachable:
		return "gave no answer"
	default:
		return string(r)
	}
}
