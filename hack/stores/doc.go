// Package stores runs real object stores on loopback, for tests and the demo: S3
// (versitygw) and Google Cloud Storage (fake-gcs-server), built once into the
// cache from the versions that hack/tools/go.mod pins, and Azure Blob Storage
// (Azurite, from its npm package, on the machine's Node.js).
//
// A server keeps its objects in a directory, listens on a free port of
// 127.0.0.1 and knows one account. Tests call S3ForTest, GCSForTest and
// AzureForTest; the command lines are hack/stores/s3, gcs and azure.
package stores
