package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// api answers the routes.
type api struct{ Config }

// route is one row of the table.
type route struct {
	method string
	path   string
	handle gin.HandlerFunc
}

// routes is the whole API: a path that is not here does not exist. HEAD and
// OPTIONS follow from it. There is no authentication yet: "anyone" is whoever
// reaches the listener, which is bound to the loopback by default.
func (a *api) routes() []route {
	return []route{
		{http.MethodGet, "/operations", a.listOperations},         // anyone
		{http.MethodPost, "/operations", a.submitOperation},       // anyone; the most powerful row: it backs up, restores, truncates
		{http.MethodGet, "/operations/:id", a.getOperation},       // anyone
		{http.MethodDelete, "/operations/:id", a.cancelOperation}, // anyone
		{http.MethodGet, "/version", a.getVersion},                // anyone
		{http.MethodGet, "/version/sidecar", a.getVersion},        // anyone
		{http.MethodGet, "/version/cassandra", a.getCassandra},    // anyone
		{http.MethodGet, "/version/schema", a.getSchema},          // anyone
		{http.MethodGet, "/status", a.getStatus},                  // anyone; CassKop's readiness probe
		{http.MethodGet, "/topology", a.getTopology},              // anyone
		{http.MethodGet, "/topology/:dc", a.getTopology},          // anyone
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
