package server

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/icarus-sidecar/icarus/api/rest"
)

func (a *api) getVersion(g *gin.Context) { answer(g, http.StatusOK, a.Version) }

func (a *api) getCassandra(g *gin.Context) {
	ask(g, a.Node.Version)
}

func (a *api) getSchema(g *gin.Context) {
	ask(g, func(ctx context.Context) (rest.SchemaVersion, error) {
		version, err := a.Node.SchemaVersion(ctx)
		return rest.SchemaVersion{SchemaVersion: version}, err
	})
}

func (a *api) getStatus(g *gin.Context) {
	ask(g, func(ctx context.Context) (rest.NodeStatus, error) {
		mode, err := a.Node.OperationMode(ctx)
		return rest.NodeStatus{NodeState: mode}, err
	})
}

// getTopology answers the ring, or what of it lies in a comma list of datacenters.
func (a *api) getTopology(g *gin.Context) {
	ask(g, func(ctx context.Context) (rest.Topology, error) {
		topology, err := a.Node.Topology(ctx)
		if err != nil {
			return rest.Topology{}, err
		}
		return within(topology, rest.SplitDatacenters(g.Param("dc")))
	})
}

// getConfiguration answers cassandra.yaml, which is no JSON.
func (a *api) getConfiguration(g *gin.Context) {
	askFor(g, a.Node.Configuration, func(body []byte) { g.Data(http.StatusOK, mediaYAML, body) })
}

func within(t rest.Topology, datacenters []string) (rest.Topology, error) {
	if len(datacenters) == 0 {
		return t, nil
	}
	var existing []string
	for _, n := range t.Topology {
		existing = append(existing, n.DC)
	}
	existing = slices.Compact(slices.Sorted(slices.Values(existing)))
	missing := slices.DeleteFunc(slices.Clone(datacenters), func(dc string) bool { return slices.Contains(existing, dc) })
	if len(missing) > 0 {
		return rest.Topology{}, &rest.Error{
			Code:    http.StatusNotFound,
			Message: fmt.Sprintf("Some DCs to filter on do not exist: %.200v, existing: %.200v", missing, existing),
		}
	}
	t.Topology = slices.DeleteFunc(slices.Clone(t.Topology), func(n rest.TopologyNode) bool {
		return !slices.Contains(datacenters, n.DC)
	})
	return t, nil
}

// ask answers what the node says. A node that does not is an error of this
// side, in the original's form as well: its clients read exception.message.
func ask[T any](g *gin.Context, question func(ctx context.Context) (T, error)) {
	askFor(g, question, func(said T) { answer(g, http.StatusOK, said) })
}

func askFor[T any](g *gin.Context, question func(ctx context.Context) (T, error), tell func(said T)) {
	ctx, cancel := context.WithTimeout(g.Request.Context(), nodeTimeout)
	defer cancel()
	said, err := question(ctx)
	if err == nil {
		tell(said)
		return
	}
	told := errorOf(err)
	if told.Code == http.StatusInternalServerError {
		told = &rest.Error{Code: told.Code, Message: err.Error(), Exception: &rest.Exception{Message: err.Error()}}
	}
	fail(g, told)
}
