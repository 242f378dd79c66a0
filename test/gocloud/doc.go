// Package gocloud shows, for each promise of package store, that a plain driver of
// gocloud.dev breaks it and that ours keeps it. It is a module of its own, as no
// program of Icarus imports gocloud.dev. Where a later gocloud.dev keeps a promise,
// its test fails and says so: then the reason for a driver of our own is gone.
package gocloud
