package server

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/go-logr/logr"
	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// perRequest is the verbosity of a line for each request.
const perRequest = 2

func logging(log logr.Logger, clk clock.PassiveClock) gin.HandlerFunc {
	return func(g *gin.Context) {
		begin := clk.Now()
		g.Request = g.Request.WithContext(logr.NewContext(g.Request.Context(), log))
		g.Next()
		log.V(perRequest).Info("Answered request", "method", g.Request.Method, "path", g.Request.URL.Path,
			"status", g.Writer.Status(), "bytes", g.Writer.Size(), "duration", clk.Since(begin).String(), "peer", g.Request.RemoteAddr)
	}
}

// cors lets pages of all origins in, exactly as the original does.
func cors(disabled bool) gin.HandlerFunc {
	return func(g *gin.Context) {
		if disabled {
			return
		}
		g.Header("Access-Control-Allow-Origin", "*")
		g.Header("Access-Control-Allow-Headers", "origin, content-type, accept, authorization")
		g.Header("Access-Control-Allow-Credentials", "true")
		g.Header("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS, HEAD")
	}
}

// recovery makes a panic the error of one request.
func recovery() gin.HandlerFunc {
	return func(g *gin.Context) {
		defer func() {
			p := recover()
			switch err, _ := p.(error); {
			case p == nil:
			case errors.Is(err, http.ErrAbortHandler):
				panic(p) // net/http's own way to drop a connection
			default:
				logr.FromContextOrDiscard(g.Request.Context()).Error(fmt.Errorf("panic: %v", p), "Recovering request",
					"method", g.Request.Method, "path", g.Request.URL.Path, "stack", string(debug.Stack()))
				g.Abort()
				if !g.Writer.Written() {
					answer(g, http.StatusInternalServerError,
						&rest.Error{Code: http.StatusInternalServerError, Message: "internal error; the sidecar's log tells more"})
				}
			}
		}()
		g.Next()
	}
}

// acceptable refuses clients that do not take what is answered: JSON, or the page
// where it is asked for. OPTIONS answers text.
func acceptable() gin.HandlerFunc {
	return func(g *gin.Context) {
		kind := mediaJSON
		switch g.FullPath() {
		case docsPath:
			kind = mediaHTML
		case configPath:
			kind = mediaYAML
		}
		if g.Request.Method != http.MethodOptions && !accepts(g.Request.Header.Values("Accept"), kind) {
			fail(g, &rest.Error{
				Code:    http.StatusNotAcceptable,
				Message: fmt.Sprintf("Accept is %.100q; the answer is %s", g.GetHeader("Accept"), kind),
			})
		}
	}
}

func accepts(headers []string, kind string) bool {
	if len(headers) == 0 {
		return true
	}
	family, _, _ := strings.Cut(kind, "/")
	for _, media := range strings.Split(strings.Join(headers, ","), ",") {
		accepted, _, _ := strings.Cut(media, ";")
		switch strings.ToLower(strings.TrimSpace(accepted)) {
		case kind, family + "/*", "*/*", "":
			return true
		}
	}
	return false
}
