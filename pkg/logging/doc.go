// Package logging makes the logger of both binaries: logr over zap, JSON in
// production and lines for people on a terminal. It also holds the fixed set of
// keys, so that one query finds an operation in every log.
//
// Code below cmd takes its logger from the context and never imports zap.
package logging
