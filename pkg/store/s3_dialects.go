package store

import (
	"cmp"
	"context"
)

// Servers that speak S3 have names of their own in locations, as the original
// had them: what they need is known then, and a missing endpoint is an error and
// not a request to Amazon.

func openDialect(ctx context.Context, l Location, o Options, r *retrier) (Bucket, error) {
	o, err := dialect(l.Provider, o)
	if err != nil {
		return nil, err
	}
	return openS3(ctx, l, o, r)
}

func checkDialect(ctx context.Context, l Location, o Options, create bool) error {
	o, err := dialect(l.Provider, o)
	if err != nil {
		return err
	}
	return checkS3(ctx, l, o, create)
}

func dialect(p Provider, o Options) (Options, error) {
	if o.Endpoint == "" {
		return o, invalid("%s:// needs the endpoint of the server; set AWS_ENDPOINT", p)
	}
	o.PathStyle = true
	o.Region = cmp.Or(o.Region, defaultRegion)
	// Neither takes the checksum that the SDK sends behind a body: Oracle's never,
	// Ceph's before its release Squid.
	o.FewerChecksums = o.FewerChecksums || p == Ceph || p == Oracle
	return o, nil
}
