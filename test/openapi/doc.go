// Package openapi holds the served document of the API against what is answered,
// with requests that schemathesis makes of it.
//
//	make test-openapi
//
// What answers is everything but the work: the server, the requests and checks of
// all kinds, the queue and the journal, beside a fake node. The work itself is
// left out, because its requests are made at random: no random location is
// written to, and no test truncates what it happens to name. What the node's
// routes answer while Cassandra is down, 500 by contract, is for the tests of
// pkg/server.
package openapi
