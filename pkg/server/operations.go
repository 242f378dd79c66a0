package server

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"regexp"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

func (a *api) submitOperation(g *gin.Context) {
	body, err := readBody(g)
	if err != nil {
		fail(g, err)
		return
	}
	req, warnings, err := a.Operations.Types().Decode(body)
	if err != nil {
		fail(g, err)
		return
	}
	if err := a.requireUnseen(g.Request, req); err != nil {
		fail(g, err)
		return
	}
	op, created, err := a.Operations.Submit(g.Request.Context(), req, warnings)
	if err != nil {
		fail(g, err)
		return
	}
	g.Header("Location", location(g.Request, op.ID))
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	answer(g, status, op)
}

func (a *api) listOperations(g *gin.Context) {
	answer(g, http.StatusOK, a.Operations.List(operation.Filter{
		Types:  values(g, "type"),
		States: append(values(g, "state"), values(g, "status")...), // the OpenAPI of the original says status
	}))
}

func (a *api) getOperation(g *gin.Context) {
	op, err := a.Operations.Get(g.Param("id"))
	if err != nil {
		fail(g, err)
		return
	}
	answer(g, http.StatusOK, op)
}

func (a *api) changeOperation(g *gin.Context) {
	body, err := readBody(g)
	if err != nil {
		fail(g, err)
		return
	}
	change, err := rest.DecodeChange(body)
	if err != nil {
		fail(g, err)
		return
	}
	op, err := a.Operations.Get(g.Param("id"))
	if err != nil {
		fail(g, err)
		return
	}
	if a.Throttle == nil {
		fail(g, &rest.Error{Code: http.StatusConflict, Message: "this sidecar has no operation that could be changed"})
		return
	}
	if err := a.Throttle(op.ID, change.BytesPerSecond()); err != nil {
		fail(g, err)
		return
	}
	answer(g, http.StatusOK, op)
}

func (a *api) cancelOperation(g *gin.Context) {
	if _, err := a.Operations.Cancel(g.Request.Context(), g.Param("id")); err != nil {
		fail(g, err)
		return
	}
	g.Status(http.StatusAccepted)
}

// values of a parameter, which may be repeated and may hold commas.
func values(g *gin.Context, name string) []string {
	var all []string
	for _, list := range g.QueryArray(name) {
		for _, value := range strings.Split(list, ",") {
			if value = strings.TrimSpace(value); value != "" {
				all = append(all, value)
			}
		}
	}
	return all
}

// readBody takes JSON only: a page of another origin cannot send that without
// asking first.
func readBody(g *gin.Context) ([]byte, error) {
	kind, _, err := mime.ParseMediaType(g.GetHeader("Content-Type"))
	if err != nil || kind != mediaJSON {
		return nil, &rest.Error{
			Code:    http.StatusUnsupportedMediaType,
			Message: fmt.Sprintf("Content-Type is %.100q; send %s", g.GetHeader("Content-Type"), mediaJSON),
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(g.Writer, g.Request.Body, rest.MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &rest.Error{
			Code:    http.StatusRequestEntityTooLarge,
			Message: fmt.Sprintf("the request is larger than %d bytes", tooLarge.Limit),
		}
	case err != nil:
		return nil, &rest.Error{Code: http.StatusBadRequest, Message: "the request did not arrive whole"}
	}
	return body, nil
}

var hostForm = regexp.MustCompile(`^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?$`)

// location is the absolute address of an operation, by the name the client
// used for this sidecar; what is no name of a host is replaced by our address.
func location(r *http.Request, id string) string {
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if !hostForm.MatchString(host) {
		if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
			host = local.String()
		}
	}
	return scheme + "://" + host + "/operations/" + id
}
