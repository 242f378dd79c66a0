// Package storetest holds every bucket to the promises of package store, and has
// buckets for the tests of others: one in memory, and one that fails when told.
package storetest
