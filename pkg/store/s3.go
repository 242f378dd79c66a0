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
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// s3Service speaks to S3 through the SDK itself. gocloud.dev's driver is a layer
// that hides what we must see (which failure it was), leaves parts behind when a
// context ends, asks for an object before it deletes it, and reads other names
// than it was given where they look like its escapes.
type s3Service struct {
	name   string // of the bucket
	client *s3.Client
	http   *http.Client
	o      Options
	// retry is for the parts of an object, which no decorator sees.
	retry   *retrier
	buffers *buffers
}

func openS3(ctx context.Context, l Location, o Options, r *retrier) (Bucket, error) {
	client, h, err := newS3Client(ctx, o)
	if err != nil {
		return nil, err
	}
	b := newBuffers(partSize, connections(o))
	return &cloud{service: &s3Service{name: l.Bucket, client: client, http: h, o: o, retry: r, buffers: b}, label: l.bucketName(), class: o.Objects.StorageClass, buffers: b}, nil
}

// checkS3 asks for the bucket itself: a list of all buckets, which the original
// asks for, needs a further permission and lacks those of other accounts.
func checkS3(ctx context.Context, l Location, o Options, create bool) error {
	client, h, err := newS3Client(ctx, o)
	if err != nil {
		return err
	}
	defer h.CloseIdleConnections()
	look := func() error {
		_, err := client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String(l.Bucket)})
		if err = classifyS3(ctx, err); errors.Is(err, ErrNotFound) {
			return as(ErrNoBucket, err)
		}
		return explained(ctx, client, l.Bucket, err)
	}
	return checkCloud(l, create, look, func() error {
		in := &s3.CreateBucketInput{Bucket: aws.String(l.Bucket)}
		// The default region is the one that S3 refuses to be told.
		if region := client.Options().Region; region != defaultRegion {
			in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
		}
		_, err := client.CreateBucket(ctx, in)
		return classifyS3(ctx, err)
	})
}

func (s *s3Service) get(ctx context.Context, key string, offset int64) (io.ReadCloser, Object, error) {
	in := &s3.GetObjectInput{Bucket: aws.String(s.name), Key: aws.String(key)}
	if offset > 0 {
		in.Range = aws.String("bytes=" + strconv.FormatInt(offset, 10) + "-")
	}
	out, err := s.client.GetObject(ctx, in)
	if err != nil {
		return nil, Object{}, classifyS3(ctx, err)
	}
	if err := vouched(out.ETag); err != nil {
		return nil, Object{}, errors.Join(err, out.Body.Close())
	}
	size := aws.ToInt64(out.ContentLength) + offset
	if offset > 0 && out.ContentRange == nil {
		return nil, Object{}, errors.Join(fmt.Errorf("%w: the server ignored the range", ErrInvalid), out.Body.Close())
	}
	return out.Body, Object{Key: key, Size: size, Modified: aws.ToTime(out.LastModified)}, nil
}

func (s *s3Service) stat(ctx context.Context, key string) (Object, error) {
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(s.name), Key: aws.String(key)})
	if err != nil {
		return Object{}, explained(ctx, s.client, s.name, classifyS3(ctx, err))
	}
	if err := vouched(out.ETag); err != nil {
		return Object{}, err
	}
	return Object{Key: key, Size: aws.ToInt64(out.ContentLength), Modified: aws.ToTime(out.LastModified)}, nil
}

// explained says why a HEAD was refused. Its answer has no text, and so an expired
// token and a wrong region are both "bad request"; that of a list has one.
func explained(ctx context.Context, client *s3.Client, bucket string, err error) error {
	if !errors.Is(err, ErrInvalid) {
		return err
	}
	_, why := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(bucket), MaxKeys: aws.Int32(1)})
	if why == nil {
		return err
	}
	return classifyS3(ctx, why)
}

// list asks for a page of 1000 when it is needed.
func (s *s3Service) list(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: aws.String(s.name), Prefix: aws.String(prefix)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(Object{}, classifyS3(ctx, err))
				return
			}
			if page.Name == nil || page.IsTruncated == nil {
				yield(Object{}, errNotFromS3) // an empty answer is no empty bucket
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

// remove is one request; S3 does not mind a free key.
func (s *s3Service) remove(ctx context.Context, key string) error {
	out, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(s.name), Key: aws.String(key)})
	if err != nil {
		return classifyS3(ctx, err)
	}
	// The answer has nothing in it that would tell it from a proxy's page, but this.
	if a, ok := awsmiddleware.GetRawResponse(out.ResultMetadata).(*smithyhttp.Response); ok && a.StatusCode != http.StatusNoContent {
		return errNotFromS3
	}
	return nil
}

func (s *s3Service) rest() { s.http.CloseIdleConnections() }

func (s *s3Service) refuse(string) error { return nil }

func (s *s3Service) sort(ctx context.Context, err error) error { return classifyS3(ctx, err) }
