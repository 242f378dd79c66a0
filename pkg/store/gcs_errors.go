package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/oauth2"
)

// gcsError is an answer that is no success.
type gcsError struct {
	status  int
	reason  string // a word of Google's, if it said one
	message string
	missing error
}

// Error is what Google said.
func (e *gcsError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%d %s %s", e.status, e.reason, e.message))
}

// answerError reads an error from an answer.
func answerError(answer *http.Response, missing error) error {
	e := &gcsError{status: answer.StatusCode, missing: missing}
	body, err := whole(answer)
	if err != nil {
		e.message = "and then: " + err.Error()
		return e
	}
	var said struct {
		Error struct {
			Message string
			Errors  []struct{ Reason string }
		}
	}
	const longest = 300
	if json.Unmarshal(body, &said) != nil || said.Error.Message == "" {
		// The uploads answer in plain text.
		e.message = string(body[:min(len(body), longest)])
		return e
	}
	e.message = said.Error.Message
	if len(said.Error.Errors) > 0 {
		e.reason = said.Error.Errors[0].Reason
	}
	return e
}

// kindOfReason has the words of Google's that say more than the status.
var kindOfReason = map[string]error{
	"rateLimitExceeded":     ErrThrottled,
	"userRateLimitExceeded": ErrThrottled,
	"quotaExceeded":         ErrThrottled,
}

// kindOfGCS is for errors that the server sent, or the one that gives out tokens.
func kindOfGCS(err error) error {
	var token *oauth2.RetrieveError
	if errors.As(err, &token) && token.Response != nil {
		if kind := kindOfStatus(token.Response.StatusCode); errors.Is(kind, ErrTransient) || errors.Is(kind, ErrThrottled) {
			return kind
		}
		return ErrDenied
	}
	var answer *gcsError
	if !errors.As(err, &answer) {
		return nil
	}
	if kind := kindOfReason[answer.reason]; kind != nil {
		return kind
	}
	switch answer.status {
	case http.StatusNotFound:
		if strings.Contains(answer.message, "bucket does not exist") {
			return ErrNoBucket
		}
		if answer.missing != nil {
			return answer.missing
		}
	case http.StatusGone:
		return errNoUpload
	case http.StatusBadRequest:
		// Its digest is of other bytes: they were damaged on the way.
		if text := strings.ToLower(answer.message); strings.Contains(text, "crc32c") && strings.Contains(text, "match") {
			return ErrTransient
		}
	}
	return kindOfStatus(answer.status)
}
