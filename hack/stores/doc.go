// Package stores runs real object stores on loopback, for tests and the demo:
// one S3 server (versitygw), built once into the cache from the version that
// hack/tools/go.mod pins.
//
// A server keeps its objects in a directory, listens on a free port of
// 127.0.0.1 and knows one account. Tests call S3ForTest; the command line is
// hack/stores/s3.
package stores
