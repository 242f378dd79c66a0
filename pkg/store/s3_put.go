package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	// An object of up to a part is sent with one request. Larger parts would be
	// a little faster and cost their size in memory for each connection.
	partSize = 8 << 20
	// S3 takes no more parts; those of an object above 78 GiB grow.
	maxParts = 10_000

	// cleanupTimeout is for what has to be done after a context has ended.
	cleanupTimeout = 15 * time.Second
)

// onlyIfAbsent is the If-None-Match of a write that must find its key free. S3
// looks at it when the object would appear: at the end of several parts.
const onlyIfAbsent = "*"

// Put sends an object at once, or in parts if it is large.
func (b *s3Bucket) Put(ctx context.Context, key string, size int64, open func() (io.ReadCloser, error)) error {
	if err := b.put(ctx, key, size, open); err != nil {
		return b.doing(ctx, "writing", key, err)
	}
	return nil
}

// Create is Put.
func (b *s3Bucket) Create(ctx context.Context, key string, body []byte) error {
	return b.Put(ctx, key, int64(len(body)), reading(body))
}

// Replace is a request without a condition.
func (b *s3Bucket) Replace(ctx context.Context, key string, body []byte) error {
	err := checkCall(ctx, key)
	if err == nil {
		err = b.send(ctx, key, body, nil)
	}
	if err != nil {
		return b.doing(ctx, "replacing", key, err)
	}
	return nil
}

func (b *s3Bucket) put(ctx context.Context, key string, size int64, open func() (io.ReadCloser, error)) (err error) {
	if err := checkCall(ctx, key); err != nil {
		return err
	}
	if size < 0 {
		return invalid("size %d", size)
	}
	large := size > b.partSize
	if large {
		// Whoever has the key already is seen before everything is sent, and not
		// only by the last request.
		switch _, err := b.stat(ctx, key); {
		case err == nil:
			return ErrExists
		case !errors.Is(err, ErrNotFound):
			return err
		}
	}
	r, err := opened(open)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	body := exactly(ctx, r, size)
	if large {
		return b.putParts(ctx, key, size, body)
	}
	return b.buffers.with(ctx, size, func(buffer []byte) error {
		if err := readWhole(body, buffer); err != nil {
			return err
		}
		return b.send(ctx, key, buffer, aws.String(onlyIfAbsent))
	})
}

func (b *s3Bucket) send(ctx context.Context, key string, body []byte, ifNoneMatch *string) error {
	in := &s3.PutObjectInput{
		Bucket: aws.String(b.name), Key: aws.String(key), Body: bytes.NewReader(body), ContentLength: aws.Int64(int64(len(body))),
		ContentType: aws.String(contentType), IfNoneMatch: ifNoneMatch,
	}
	in.ServerSideEncryption, in.SSEKMSKeyId = b.encryption()
	_, err := b.client.PutObject(ctx, in)
	return classifyS3(ctx, err)
}

// putParts sends an object in parts. Nothing is seen of it before the last
// request, and nothing of it stays if that does not come.
func (b *s3Bucket) putParts(ctx context.Context, key string, size int64, body io.Reader) error {
	id, err := b.begin(ctx, key)
	if err != nil {
		return err
	}
	parts, err := b.sendParts(ctx, key, id, size, body)
	if err == nil {
		err = b.complete(ctx, key, id, size, parts)
	}
	if err != nil {
		return errors.Join(err, b.abort(ctx, key, id))
	}
	return nil
}

// begin does not end with its context: an upload whose id never came back could
// not be aborted, and its parts would cost room for ever.
func (b *s3Bucket) begin(ctx context.Context, key string) (id string, err error) {
	in := &s3.CreateMultipartUploadInput{Bucket: aws.String(b.name), Key: aws.String(key), ContentType: aws.String(contentType)}
	in.ServerSideEncryption, in.SSEKMSKeyId = b.encryption()
	if !b.o.FewerChecksums {
		in.ChecksumAlgorithm = types.ChecksumAlgorithmCrc32
	}
	err = b.retry.do(ctx, func() error {
		ctx, cancel := cleanup(ctx)
		defer cancel()
		out, err := b.client.CreateMultipartUpload(ctx, in)
		if err == nil {
			id = aws.ToString(out.UploadId)
		}
		return classifyS3(ctx, err)
	})
	return id, err
}

func (b *s3Bucket) sendParts(ctx context.Context, key, id string, size int64, body io.Reader) ([]types.CompletedPart, error) {
	length := max(b.partSize, (size+maxParts-1)/maxParts)
	parts := make([]types.CompletedPart, (size+length-1)/length)
	err := b.buffers.parts(ctx, body, size, length, func(ctx context.Context, i int, buffer []byte) (err error) {
		parts[i], err = b.sendPart(ctx, key, id, int32(i+1), buffer)
		return err
	})
	return parts, err
}

func (b *s3Bucket) sendPart(ctx context.Context, key, id string, number int32, body []byte) (part types.CompletedPart, err error) {
	err = b.retry.do(ctx, func() error {
		out, err := b.client.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: aws.String(b.name), Key: aws.String(key), UploadId: aws.String(id), PartNumber: aws.Int32(number),
			Body: bytes.NewReader(body), ContentLength: aws.Int64(int64(len(body))),
		})
		if err != nil {
			return fmt.Errorf("sending part %d: %w", number, classifyS3(ctx, err))
		}
		part = types.CompletedPart{PartNumber: aws.Int32(number), ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32}
		return nil
	})
	return part, err
}

// complete makes the object appear. If the answer of an attempt got lost, the
// next one finds no such upload, or the object in its own way.
func (b *s3Bucket) complete(ctx context.Context, key, id string, size int64, parts []types.CompletedPart) error {
	var conflict error
	maybeDone := false
	err := b.retry.do(ctx, func() error {
		_, err := b.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
			Bucket: aws.String(b.name), Key: aws.String(key), UploadId: aws.String(id),
			IfNoneMatch: aws.String(onlyIfAbsent), MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		})
		err = classifyS3(ctx, err)
		if errors.Is(err, errConflict) {
			conflict = err // S3 wants everything to be sent anew then
			return nil
		}
		if maybeDone && (errors.Is(err, ErrExists) || errors.Is(err, errNoUpload)) {
			return claim(err, func() (bool, error) { return hasSize(ctx, b, key, size) })
		}
		maybeDone = maybeDone || mayHaveHappened(err)
		return err
	})
	if conflict != nil {
		return conflict
	}
	return err
}

// abort frees the parts of an upload, also and above all after ctx has ended.
func (b *s3Bucket) abort(ctx context.Context, key, id string) error {
	ctx, cancel := cleanup(ctx)
	defer cancel()
	err := b.retry.do(ctx, func() error {
		_, err := b.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
			Bucket: aws.String(b.name), Key: aws.String(key), UploadId: aws.String(id),
		})
		return classifyS3(ctx, err)
	})
	if err == nil || errors.Is(err, errNoUpload) {
		return nil
	}
	return &leftoverError{id, err}
}

// leftoverError tells of parts that nobody frees. It is beside the failure that
// it comes with, and must not make that one worth another attempt.
type leftoverError struct {
	id  string
	err error
}

// Error names the upload, for whoever aborts it by hand.
func (e *leftoverError) Error() string { return "aborting upload " + e.id + ": " + e.err.Error() }

func (b *s3Bucket) encryption() (types.ServerSideEncryption, *string) {
	if b.o.KMSKeyID == "" {
		return "", nil
	}
	return types.ServerSideEncryptionAwsKms, aws.String(b.o.KMSKeyID)
}

const contentType = "application/octet-stream"
