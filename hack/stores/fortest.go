package stores

import (
	"context"
	"os"
	"testing"
)

// S3ForTest returns an S3 server of this test's own, empty but for the buckets
// named. It is stopped at the test's end. It never skips, but with -short.
func S3ForTest(tb testing.TB, buckets ...string) *S3 {
	tb.Helper()
	if testing.Short() {
		tb.Skip("needs an S3 server, which -short leaves out")
	}
	s, err := StartS3(tb.Context(), S3Options{Dir: tb.TempDir(), Buckets: buckets, DieWithParent: true, Output: os.Stderr})
	if err != nil {
		tb.Fatalf("starting an S3 server: %v", err)
	}
	stopAfter(tb, &s.server)
	return s
}

// GCSForTest is S3ForTest for Google Cloud Storage.
func GCSForTest(tb testing.TB, buckets ...string) *GCS {
	tb.Helper()
	if testing.Short() {
		tb.Skip("needs a GCS server, which -short leaves out")
	}
	s, err := StartGCS(tb.Context(), GCSOptions{Dir: tb.TempDir(), Buckets: buckets, DieWithParent: true, Output: os.Stderr})
	if err != nil {
		tb.Fatalf("starting a GCS server: %v", err)
	}
	stopAfter(tb, &s.server)
	return s
}

// AzureForTest is S3ForTest for Azure Blob Storage.
func AzureForTest(tb testing.TB, containers ...string) *Azure {
	tb.Helper()
	if testing.Short() {
		tb.Skip("needs an Azure server, which -short leaves out")
	}
	s, err := StartAzure(tb.Context(), AzureOptions{Dir: tb.TempDir(), Containers: containers, DieWithParent: true, Output: os.Stderr})
	if err != nil {
		tb.Fatalf("starting an Azure server: %v", err)
	}
	stopAfter(tb, &s.server)
	return s
}

func stopAfter(tb testing.TB, s *server) {
	tb.Helper()
	tb.Cleanup(func() {
		if err := s.Stop(context.WithoutCancel(tb.Context())); err != nil {
			tb.Error(err)
		}
	})
}
