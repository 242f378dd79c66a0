// Package server is the sidecar's REST API over HTTP.
//
// It decodes, asks the operations or the node, and answers; it decides nothing.
// Every answer is JSON, errors too, in the one form of rest.Error, with a status
// that means what it says. What the original answered with 500 for everything is
// told apart here; clients of the original take any status from 300 on the same.
//
// Who calls is settled before anything else: by the certificate, where TLSFiles
// has authorities for those, and by the Authenticator, where there is one; where
// there are both, by both. No part of a token is ever logged or answered.
//
// A POST with an id that exists answers 200 and the operation, and starts
// nothing; a new one answers 201 and its Location. DELETE answers 202, also of an
// operation that is finished: it stays as it is.
package server
