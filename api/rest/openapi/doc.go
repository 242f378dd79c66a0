// Package openapi describes the REST API as a document of OpenAPI 3.1.
//
// The document is made of the code that serves: the request types of package
// rest, or of whoever adds kinds of operations, with the names, defaults, rules
// and words that their fields carry. A field has its words in a tag,
//
//	Keyspace string `json:"keyspace" validate:"required" doc:"Keyspace to flush." example:"ks1"`
//
// and a request as a whole in the tag of its embedded Header. The validate tag,
// which judges requests, is also what the document says of them; rules that only
// a Violations method knows are told in words. Examples are put together of the
// example tags: a string as it is, anything else as JSON.
//
// Routes are in one table here. The tests of package server hold it against the
// routes and statuses that there are.
package openapi
