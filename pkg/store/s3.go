package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// s3Bucket speaks to S3 through the SDK itself. gocloud.dev's driver is a layer
// that hides what we must see (which failure it was), leaves parts behind when a
// context ends, asks for an object before it deletes it, and reads other names
// than it was given where they look like its escapes.
type s3Bucket struct {
	name   string // of the bucket
	label  string // in errors
	client *s3.Client
	http   *http.Client
	o      Options
	retry  *retrier // for the parts of an object, which no decorator sees

	partSize int64
	buffers  *buffers
}

func openS3(ctx context.Context, l Location, o Options, r *retrier) (Bucket, error) {
	client, h, err := newS3Client(ctx, o)
	if err != nil {
		return nil, err
	}
	return &s3Bucket{
		name: l.Bucket, label: l.bucketName(), client: client, http: h, o: o, retry: r,
		partSize: partSize, buffers: newBuffers(partSize, connections(o)),
	}, nil
}

// checkS3 asks for the bucket itself: a list of all buckets, which the original
// asks for, needs a further permission and lacks those of other accounts.
func checkS3(ctx context.Context, l Location, o Options, create bool) error {
	client, h, err := newS3Client(ctx, o)
	if err != nil {
		return err
	}
	defer h.CloseIdleConnections()
	_, err = client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String(l.Bucket)})
	err = classifyS3(ctx, err)
	if !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrNoBucket) {
		return err
	}
	if !create {
		return fmt.Errorf("%w: %s", ErrNoBucket, l.bucketName())
	}
	in := &s3.CreateBucketInput{Bucket: aws.String(l.Bucket)}
	// The default region is the one that S3 refuses to be told.
	if region := client.Options().Region; region != defaultRegion {
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
	}
	_, err = client.CreateBucket(ctx, in)
	var owned *types.BucketAlreadyOwnedByYou
	if errors.As(err, &owned) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("creating it: %w", classifyS3(ctx, err))
	}
	return nil
}

// Get is one request, and its answer the reader.
func (b *s3Bucket) Get(ctx context.Context, key string, offset int64) (io.ReadCloser, Object, error) {
	r, o, err := b.get(ctx, key, offset)
	if err != nil {
		return nil, Object{}, b.doing(ctx, "reading", key, err)
	}
	return r, o, nil
}

func (b *s3Bucket) get(ctx context.Context, key string, offset int64) (io.ReadCloser, Object, error) {
	if err := checkCall(ctx, key); err != nil {
		return nil, Object{}, err
	}
	if offset < 0 {
		return nil, Object{}, invalid("offset %d", offset)
	}
	in := &s3.GetObjectInput{Bucket: aws.String(b.name), Key: aws.String(key)}
	if offset > 0 {
		in.Range = aws.String("bytes=" + strconv.FormatInt(offset, 10) + "-")
	}
	out, err := b.client.GetObject(ctx, in)
	if err = classifyS3(ctx, err); errors.Is(err, errRange) {
		return b.atEnd(ctx, key, offset)
	}
	if err != nil {
		return nil, Object{}, err
	}
	size := aws.ToInt64(out.ContentLength) + offset
	if offset > 0 && out.ContentRange == nil {
		return nil, Object{}, errors.Join(fmt.Errorf("%w: the server ignored the range", ErrInvalid), out.Body.Close())
	}
	r := &connectionReader{out.Body, func() error { return ended(ctx) }, func(err error) error { return b.doing(ctx, "reading", key, err) }}
	return r, Object{Key: key, Size: size, Modified: aws.ToTime(out.LastModified)}, nil
}

// atEnd is for a range that S3 calls unsatisfiable: nothing is left to read, or
// the offset lies behind the end.
func (b *s3Bucket) atEnd(ctx context.Context, key string, offset int64) (io.ReadCloser, Object, error) {
	o, err := b.stat(ctx, key)
	if err == nil && o.Size != offset {
		err = invalid("offset %d of %d bytes", offset, o.Size)
	}
	return http.NoBody, o, err
}

// Stat cannot tell a missing bucket from a missing object: S3 answers both with 404.
func (b *s3Bucket) Stat(ctx context.Context, key string) (Object, error) {
	o, err := b.stat(ctx, key)
	if err != nil {
		return Object{}, b.doing(ctx, "looking for", key, err)
	}
	return o, nil
}

func (b *s3Bucket) stat(ctx context.Context, key string) (Object, error) {
	if err := checkCall(ctx, key); err != nil {
		return Object{}, err
	}
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(b.name), Key: aws.String(key)})
	if err != nil {
		return Object{}, classifyS3(ctx, err)
	}
	return Object{Key: key, Size: aws.ToInt64(out.ContentLength), Modified: aws.ToTime(out.LastModified)}, nil
}

// List asks for a page of 1000 when it is needed.
func (b *s3Bucket) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: aws.String(b.name), Prefix: aws.String(prefix)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(Object{}, b.doing(ctx, "listing", prefix, err))
				return
			}
			for _, o := range page.Contents {
				// A console makes "directories": empty objects that no Put can write.
				if strings.HasSuffix(aws.ToString(o.Key), "/") {
					continue
				}
				if !yield(Object{Key: aws.ToString(o.Key), Size: aws.ToInt64(o.Size), Modified: aws.ToTime(o.LastModified)}, nil) {
					return
				}
			}
		}
	}
}

// Delete is one request; S3 does not mind a free key.
func (b *s3Bucket) Delete(ctx context.Context, key string) error {
	err := checkCall(ctx, key)
	if err == nil {
		_, err = b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(b.name), Key: aws.String(key)})
	}
	if err = classifyS3(ctx, err); err != nil && !errors.Is(err, ErrNotFound) {
		return b.doing(ctx, "deleting", key, err)
	}
	return nil
}

// Close closes the connections that nobody uses.
func (b *s3Bucket) Close() error {
	b.http.CloseIdleConnections()
	return nil
}

// doing says what was being done to a key, and in which bucket.
func (b *s3Bucket) doing(ctx context.Context, what, key string, err error) error {
	return doing(what, key, b.label, classifyS3(ctx, err))
}

func checkCall(ctx context.Context, key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	return ended(ctx)
}
