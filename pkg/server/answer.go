package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/go-logr/logr"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

const (
	mediaJSON = "application/json"
	mediaYAML = "application/yaml"
)

// answer writes JSON for people and machines, indented as the original's.
func answer(g *gin.Context, status int, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		logr.FromContextOrDiscard(g.Request.Context()).Error(err, "Encoding an answer")
		status, body = http.StatusInternalServerError, []byte(`{"code":500,"message":"the answer cannot be encoded"}`)
	}
	g.Data(status, mediaJSON, append(body, '\n'))
}

// fail answers an error and ends the request.
func fail(g *gin.Context, err error) {
	told := errorOf(err)
	if told.Code >= http.StatusInternalServerError {
		logr.FromContextOrDiscard(g.Request.Context()).Error(err, "Failing a request",
			"method", g.Request.Method, "path", g.Request.URL.Path)
	}
	switch told.Code {
	case http.StatusTooManyRequests:
		g.Header("Retry-After", "5")
	case http.StatusUnauthorized:
		g.Header("WWW-Authenticate", `Bearer realm="icarus"`)
	}
	g.Abort()
	answer(g, told.Code, told)
}

// statuses is the one table from errors to statuses.
var statuses = []struct {
	err    error
	status int
}{
	{ErrUnauthenticated, http.StatusUnauthorized},
	{operation.ErrNotFound, http.StatusNotFound},
	{operation.ErrUnknownType, http.StatusBadRequest},
	{operation.ErrConflict, http.StatusConflict},
	{operation.ErrQueueFull, http.StatusTooManyRequests},
	{operation.ErrClosed, http.StatusServiceUnavailable},
	{operation.ErrJournal, http.StatusInternalServerError},
	{context.Canceled, http.StatusServiceUnavailable}, // the client has gone, or the sidecar goes
}

// errorOf is what a client is told of an error. What is none of the above is
// this side's own affair, and stays in the log.
func errorOf(err error) *rest.Error {
	if told := new(rest.Error); errors.As(err, &told) {
		return told
	}
	for _, row := range statuses {
		if errors.Is(err, row.err) {
			return &rest.Error{Code: row.status, Message: err.Error()}
		}
	}
	return &rest.Error{Code: http.StatusInternalServerError, Message: "internal error; the sidecar's log tells more"}
}
