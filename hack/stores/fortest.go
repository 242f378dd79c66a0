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
	tb.Cleanup(func() {
		if err := s.Stop(context.WithoutCancel(tb.Context())); err != nil {
			tb.Error(err)
		}
	})
	return s
}
