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
	can   Capabilities
}

// Capabilities are what a provider brings to the promises of a Bucket.
type Capabilities struct {
	// CreateIfAbsent is what lets one of many writers of a key win.
	CreateIfAbsent string
	// DeletedAtOnce is how many keys a request frees at the most.
	DeletedAtOnce int
	// Checksum is what the store compares a body with that it gets; none where there
	// is nobody between it and us.
	Checksum string
}

// Capabilities are those of the provider, the zero value for one that is none.
func (p Provider) Capabilities() Capabilities { return providers[p].can }

var (
	s3Can    = Capabilities{CreateIfAbsent: "If-None-Match: *", DeletedAtOnce: s3Batch, Checksum: "CRC-32"}
	gcsCan   = Capabilities{CreateIfAbsent: "ifGenerationMatch=0", DeletedAtOnce: gcsBatch, Checksum: "CRC-32C"}
	azureCan = Capabilities{CreateIfAbsent: "If-None-Match: *", DeletedAtOnce: azureBatch, Checksum: "CRC-64"}
)

var providers = map[Provider]provider{
	File:   {openFile, checkFile, Capabilities{CreateIfAbsent: "link(2)", DeletedAtOnce: 1}},
	S3:     {openS3, checkS3, s3Can},
	MinIO:  {openDialect, checkDialect, s3Can},
	Ceph:   {openDialect, checkDialect, s3Can},
	Oracle: {openDialect, checkDialect, s3Can},
	GCP:    {openGCS, checkGCS, gcsCan},
	GS:     {openGCS, checkGCS, gcsCan},
	Azure:  {openAzure, checkAzure, azureCan},
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
	if err := o.Objects.check(l.Provider); err != nil {
		return provider{}, o, err
	}
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	return p, o, nil
}
