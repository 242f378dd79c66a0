// Package mover is what the programs in ../movers have in common: the job that
// the harness hands them, and the walk over its files. Each mover is a program of
// its own, so that the memory and processor time of its process are its alone.
package mover
