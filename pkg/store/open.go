package store

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/utils/clock"
)

// provider is what makes a store usable: a line here and a file.
type provider struct {
	// open asks nothing of the store yet.
	open func(ctx context.Context, l Location, o Options, r *retrier) (Bucket, error)
	// check asks whether a bucket is there, and makes it if create.
	check func(ctx context.Context, l Location, o Options, create bool) error
}

var providers = map[Provider]provider{
	File:   {openFile, checkFile},
	S3:     {openS3, checkS3},
	MinIO:  {openDialect, checkDialect},
	Ceph:   {openDialect, checkDialect},
	Oracle: {openDialect, checkDialect},
	GCP:    {openGCS, checkGCS},
	GS:     {openGCS, checkGCS},
	Azure:  {openAzure, checkAzure},
}

// Open opens a bucket. Nothing is made and nothing is asked yet.
func Open(ctx context.Context, l Location, o Options) (Bucket, error) {
	p, o, err := prepare(l, o)
	if err != nil {
		return nil, err
	}
	retry := newRetrier(o.Retry, o.Clock)
	b, err := p.open(ctx, l, o, retry)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", l.bucketName(), err)
	}
	return &retrying{b, retry}, nil
}

// CheckBucket finds out whether a bucket is there. One that is not is made if
// create, and ErrNoBucket otherwise.
func CheckBucket(ctx context.Context, l Location, o Options, create bool) error {
	p, o, err := prepare(l, o)
	if err != nil {
		return err
	}
	err = newRetrier(o.Retry, o.Clock).do(ctx, func() error { return p.check(ctx, l, o, create) })
	if err != nil && !errors.Is(err, ErrNoBucket) {
		return fmt.Errorf("checking %s: %w", l.bucketName(), err)
	}
	return err
}

func prepare(l Location, o Options) (provider, Options, error) {
	p, ok := providers[l.Provider]
	if !ok {
		return provider{}, o, invalid("provider %q; the providers are %s", l.Provider, knownProviders())
	}
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	return p, o, nil
}
