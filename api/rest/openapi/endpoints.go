package openapi

import (
	"net/http"
	"reflect"

	"github.com/icarus-sidecar/icarus/api/rest"
)

const about = `The sidecar of a Cassandra node. A request to /operations begins an operation, such as a backup, on the node or, with
globalRequest, on the whole ring; its state is polled until it is COMPLETED, FAILED or CANCELLED.

HEAD goes wherever GET does, OPTIONS tells the methods of a path, and a slash at the end of a path changes nothing. A path that is not
here is answered with 404, another method with 405. Every error has one form, with the status in code and the wrong fields of a request in
violations.`

// errors are what the statuses of errors mean, the same wherever they come.
var errors = map[int]string{
	http.StatusBadRequest:            "The request is wrong and stays so; violations name the fields.",
	http.StatusUnauthorized:          "The sidecar has tokens, and this one is missing or not known.",
	http.StatusForbidden:             "The request carries credentials over plain HTTP.",
	http.StatusNotFound:              "There is no such operation, or datacenter, or no configuration that the sidecar sees.",
	http.StatusNotAcceptable:         "The client accepts no JSON, or not the HTML or YAML that is the answer.",
	http.StatusConflict:              "Another operation is in the way, or nothing stops this one; the message tells which.",
	http.StatusRequestEntityTooLarge: "The body is larger than 1 MiB.",
	http.StatusUnsupportedMediaType:  "The body is not application/json.",
	http.StatusTooManyRequests:       "As many operations wait as may wait.",
	http.StatusInternalServerError:   "The sidecar's own fault, or Cassandra's that gives no answer; then exception has the message again.",
	http.StatusServiceUnavailable:    "The sidecar is stopping.",
}

// everywhere are the errors that any request may end in.
var everywhere = []int{http.StatusUnauthorized, http.StatusNotAcceptable, http.StatusInternalServerError}

// endpoint is a method of a path.
type endpoint struct {
	method, path, id, summary, description string

	parameters []Parameter
	body       any // of the type that is sent as JSON
	answers    []answer
	errors     []int
}

// answer is what comes where nothing is wrong.
type answer struct {
	status  int
	means   string
	body    any    // of the type that is encoded as JSON
	media   string // where it is not JSON
	located bool   // whether it says where the operation is
}

func ok(means string, body any) []answer {
	return []answer{{status: http.StatusOK, means: means, body: body}}
}

var (
	operationID = Parameter{Name: "id", In: "path", Required: true, Description: "Id of the operation.", Schema: &Schema{Type: "string"}}
	datacenters = Parameter{
		Name: "dc", In: "path", Required: true, Description: "Datacenters, parted by commas.",
		Schema: &Schema{Type: "string", Examples: []any{"dc1,dc2"}},
	}
)

// several is a parameter that may be repeated and may hold commas.
func several(name, description string, items Schema) Parameter {
	return Parameter{Name: name, In: "query", Description: description, Schema: &Schema{Type: "array", Items: &items}}
}

// endpoints is the whole API.
func endpoints() []endpoint {
	return append(ofOperations(), ofNode()...)
}

func ofOperations() []endpoint {
	states := known[reflect.TypeFor[rest.State]()]
	return []endpoint{
		{
			method: http.MethodGet, path: "/operations", id: "listOperations", summary: "List operations, the newest first",
			description: "Those that wait or run, and those that were finished within the last hour, or what --operations-expiration says.",
			parameters: []Parameter{
				several("type", "Only operations of these types, in any case. Repeated, or parted by commas.", Schema{Type: "string"}),
				several("state", "Only operations in these states, in any case. Repeated, or parted by commas.", states),
				several("status", "Another name of state.", states),
			},
			answers: ok("The operations; none is an empty list.", []rest.Operation{}),
		},
		{
			method: http.MethodPost, path: "/operations", id: "submitOperation", summary: "Begin an operation",
			description: "What goes wrong after the operation was accepted is not a status but its state FAILED, and its errors.",
			answers: []answer{
				{status: http.StatusOK, means: "An operation with the id of the request exists; nothing was started.", body: rest.Operation{}, located: true},
				{status: http.StatusCreated, means: "The operation was accepted.", body: rest.Operation{}, located: true},
			},
			errors: []int{
				http.StatusBadRequest, http.StatusForbidden, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
				http.StatusTooManyRequests, http.StatusServiceUnavailable,
			},
		},
		{
			method: http.MethodGet, path: "/operations/{id}", id: "getOperation", summary: "Look at an operation",
			parameters: []Parameter{operationID}, answers: ok("The operation.", rest.Operation{}), errors: []int{http.StatusNotFound},
		},
		{
			method: http.MethodPatch, path: "/operations/{id}", id: "changeOperation", summary: "Change how fast an operation moves bytes",
			description: "Of a backup or restore that moves bytes on this node now. What --bandwidth allows the node as a whole holds all the same.",
			parameters:  []Parameter{operationID}, body: rest.Change{}, answers: ok("The operation.", rest.Operation{}),
			errors: []int{
				http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
			},
		},
		{
			method: http.MethodDelete, path: "/operations/{id}", id: "cancelOperation", summary: "Cancel an operation",
			description: "The operation is CANCELLED when its work has stopped. One that is finished stays as it is, and that is no error.",
			parameters:  []Parameter{operationID},
			answers:     []answer{{status: http.StatusAccepted, means: "The operation is asked to stop."}},
			errors:      []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable},
		},
	}
}

// ofNode are the questions. Those that Cassandra answers take at most 20 s.
func ofNode() []endpoint {
	stops := []int{http.StatusServiceUnavailable}
	return []endpoint{
		{
			method: http.MethodGet, path: "/version", id: "getVersion", summary: "Version of the sidecar",
			answers: ok("The version.", rest.SidecarVersion{}),
		},
		{
			method: http.MethodGet, path: "/version/sidecar", id: "getSidecarVersion", summary: "Version of the sidecar",
			answers: ok("The version.", rest.SidecarVersion{}),
		},
		{
			method: http.MethodGet, path: "/version/cassandra", id: "getCassandraVersion", summary: "Version of Cassandra",
			answers: ok("The version.", rest.CassandraVersion{}), errors: stops,
		},
		{
			method: http.MethodGet, path: "/version/schema", id: "getSchemaVersion", summary: "Schema version of the node",
			answers: ok("The version.", rest.SchemaVersion{}), errors: stops,
		},
		{
			method: http.MethodGet, path: "/status", id: "getStatus", summary: "Cassandra's operation mode",
			answers: ok("The mode.", rest.NodeStatus{}), errors: stops,
		},
		{
			method: http.MethodGet, path: "/topology", id: "getTopology", summary: "The ring",
			answers: ok("The ring.", rest.Topology{}), errors: stops,
		},
		{
			method: http.MethodGet, path: "/topology/{dc}", id: "getTopologyOfDatacenters", summary: "The ring, of some datacenters",
			parameters: []Parameter{datacenters},
			answers:    ok("What of the ring lies in them.", rest.Topology{}),
			errors:     []int{http.StatusNotFound, http.StatusServiceUnavailable},
		},
		{
			method: http.MethodGet, path: "/config", id: "getConfiguration", summary: "Cassandra's configuration",
			description: "cassandra.yaml as it is written, but for its passwords. The sidecar has to see it at the path that Cassandra does.",
			answers:     []answer{{status: http.StatusOK, means: "The file.", media: mediaYAML}},
			errors:      []int{http.StatusNotFound, http.StatusServiceUnavailable},
		},
		{
			method: http.MethodGet, path: "/openapi.json", id: "getDocument", summary: "This document",
			answers: ok("A document of OpenAPI 3.1.", map[string]any{}),
		},
		{
			method: http.MethodGet, path: "/docs", id: "getPage", summary: "This document, to read",
			answers: []answer{{status: http.StatusOK, means: "A page that needs nothing else.", media: mediaHTML}},
		},
	}
}
