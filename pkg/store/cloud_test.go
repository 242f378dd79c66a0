package store_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

// cloudLocations names buckets of real accounts, separated by spaces or commas.
// Their credentials are those of the environment. See `make test-cloud`.
const cloudLocations = "ICARUS_TEST_CLOUD"

func TestCloudsKeepThePromises(t *testing.T) {
	t.Parallel()
	locations := strings.FieldsFunc(os.Getenv(cloudLocations), func(r rune) bool { return r == ' ' || r == ',' })
	if len(locations) == 0 {
		t.Skipf("%s names no bucket of a real account", cloudLocations)
	}
	o, err := store.OptionsFromEnv(os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range locations {
		t.Run(text, func(t *testing.T) {
			l, err := store.ParseLocation(text)
			if err != nil {
				t.Fatal(err)
			}
			if err := store.CheckBucket(t.Context(), l, o, false); err != nil {
				t.Fatal(err)
			}
			storetest.Run(t, func(t *testing.T) store.Bucket {
				t.Helper()
				return borrowed(t, open(t, l.String(), o, false))
			})
		})
	}
}

// borrowed is a part of a bucket that no other test has, and that is empty again
// at the end.
func borrowed(t *testing.T, b store.Bucket) store.Bucket {
	t.Helper()
	prefix := "icarus-test/" + rand.Text() + "/"
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Minute)
		defer cancel()
		var errs []error
		for o, err := range b.List(ctx, prefix) {
			if err == nil {
				err = b.Delete(ctx, o.Key)
			}
			errs = append(errs, err)
		}
		if err := errors.Join(errs...); err != nil {
			t.Errorf("cleaning up %s: %v", prefix, err)
		}
	})
	return store.Prefixed(b, prefix)
}
