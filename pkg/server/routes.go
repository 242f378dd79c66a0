package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// configPath is where Cassandra's configuration is answered, in YAML.
const configPath = "/config"

// api answers the routes.
type api struct {
	Config

	description description
}

// route is one row of the table.
type route struct {
	method string
	path   string
	handle gin.HandlerFunc
}

// routes is the whole API: a path that is not here does not exist. HEAD and
// OPTIONS follow from it. The Authenticator stands before all of them, and before
// what is not here: "any caller" is whoever it has let in. Where there is none,
// that is whoever reaches the listener, which is bound to the loopback by default.
// A caller's certificate, where one is asked for, was checked before there was a
// request. Nobody has fewer rights than another yet.
func (a *api) routes() []route {
	return []route{
		{http.MethodGet, "/operations", a.listOperations},         // any caller
		{http.MethodPost, "/operations", a.submitOperation},       // any caller; the most powerful row: it backs up, restores, truncates
		{http.MethodGet, "/operations/:id", a.getOperation},       // any caller
		{http.MethodPatch, "/operations/:id", a.changeOperation},  // any caller; how fast it moves bytes
		{http.MethodDelete, "/operations/:id", a.cancelOperation}, // any caller
		{http.MethodGet, "/version", a.getVersion},                // any caller
		{http.MethodGet, "/version/sidecar", a.getVersion},        // any caller
		{http.MethodGet, "/version/cassandra", a.getCassandra},    // any caller
		{http.MethodGet, "/version/schema", a.getSchema},          // any caller
		{http.MethodGet, "/status", a.getStatus},                  // any caller; CassKop's readiness probe
		{http.MethodGet, "/topology", a.getTopology},              // any caller
		{http.MethodGet, "/topology/:dc", a.getTopology},          // any caller
		{http.MethodGet, configPath, a.getConfiguration},          // any caller; it holds no passwords
		{http.MethodGet, "/openapi.json", a.getDocument},          // any caller
		{http.MethodGet, docsPath, a.getPage},                     // any caller; the one answer that is not JSON
	}
}

// register adds the routes, HEAD beside each GET, and OPTIONS for each path.
func register(engine *gin.Engine, routes []route) {
	allowed := map[string][]string{}
	for _, r := range routes {
		engine.Handle(r.method, r.path, r.handle)
		methods := []string{r.method}
		if r.method == http.MethodGet {
			engine.Handle(http.MethodHead, r.path, r.handle)
			methods = append(methods, http.MethodHead)
		}
		allowed[r.path] = append(allowed[r.path], methods...)
	}
	for path, methods := range allowed {
		allow := strings.Join(slices.Sorted(slices.Values(append(methods, http.MethodOptions))), ", ")
		engine.OPTIONS(path, func(g *gin.Context) {
			g.Header("Allow", allow)
			g.String(http.StatusOK, "%s", allow)
		})
	}
}
