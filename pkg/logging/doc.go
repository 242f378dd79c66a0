// Package logging makes the logger of both binaries: logr over zap, JSON in
// production and lines for people on a terminal. It also holds the keys that several
// packages use, so that one query finds a snapshot in all that they log.
//
// Code below cmd takes its logger from the context and never imports zap.
package logging
