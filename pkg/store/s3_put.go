package store

import (
	"bytes"
	"cmp"
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

// absentTag is the If-None-Match of a write that must find its key free. S3
// looks at it when the object would appear: at the end of several parts.
const absentTag = "*"

func (s *s3Service) send(ctx context.Context, key string, body []byte, w write) error {
	in := &s3.PutObjectInput{
		Bucket: aws.String(s.name), Key: aws.String(key), Body: bytes.NewReader(body), ContentLength: aws.Int64(int64(len(body))),
		ContentType: aws.String(contentType),
	}
	if w.onlyIfAbsent {
		in.IfNoneMatch = aws.String(absentTag)
	}
	in.StorageClass, in.Tagging = types.StorageClass(w.class), s.tags()
	in.ServerSideEncryption, in.SSEKMSKeyId = s.encryption()
	out, err := s.client.PutObject(ctx, in)
	if err != nil {
		return classifyS3(ctx, err)
	}
	return vouched(out.ETag)
}

// sendLarge sends an object in parts. Nothing is seen of it before the last
// request, and nothing of it stays if that does not come.
func (s *s3Service) sendLarge(ctx context.Context, key string, size int64, body io.Reader) error {
	id, err := s.begin(ctx, key)
	if err != nil {
		return err
	}
	parts, err := s.sendParts(ctx, key, id, size, body)
	if err == nil {
		err = s.complete(ctx, key, id, size, parts)
	}
	if err != nil {
		return errors.Join(err, s.abort(ctx, key, id))
	}
	return nil
}

// begin does not end with its context: an upload whose id never came back could
// not be aborted, and its parts would cost room for ever.
func (s *s3Service) begin(ctx context.Context, key string) (id string, err error) {
	in := &s3.CreateMultipartUploadInput{Bucket: aws.String(s.name), Key: aws.String(key), ContentType: aws.String(contentType)}
	in.StorageClass, in.Tagging = types.StorageClass(s.o.Objects.StorageClass), s.tags()
	in.ServerSideEncryption, in.SSEKMSKeyId = s.encryption()
	if !s.o.FewerChecksums {
		in.ChecksumAlgorithm = types.ChecksumAlgorithmCrc32
	}
	err = s.retry.do(ctx, func() error {
		ctx, cancel := cleanup(ctx)
		defer cancel()
		out, err := s.client.CreateMultipartUpload(ctx, in)
		if err != nil {
			return classifyS3(ctx, err)
		}
		if id = aws.ToString(out.UploadId); id == "" {
			return errNotFromS3
		}
		return nil
	})
	return id, err
}

func (s *s3Service) sendParts(ctx context.Context, key, id string, size int64, body io.Reader) ([]types.CompletedPart, error) {
	length := partLength(s.buffers.partSize, size, maxParts)
	parts := make([]types.CompletedPart, (size+length-1)/length)
	err := s.buffers.parts(ctx, body, size, length, func(i int, buffer []byte) (err error) {
		parts[i], err = s.sendPart(ctx, key, id, int32(i+1), buffer)
		return err
	})
	return parts, err
}

func (s *s3Service) sendPart(ctx context.Context, key, id string, number int32, body []byte) (part types.CompletedPart, err error) {
	err = s.retry.do(ctx, func() error {
		out, err := s.client.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: aws.String(s.name), Key: aws.String(key), UploadId: aws.String(id), PartNumber: aws.Int32(number),
			Body: bytes.NewReader(body), ContentLength: aws.Int64(int64(len(body))),
		})
		if err != nil {
			return fmt.Errorf("sending part %d: %w", number, classifyS3(ctx, err))
		}
		if err := vouched(out.ETag); err != nil {
			return fmt.Errorf("sending part %d: %w", number, err)
		}
		part = types.CompletedPart{PartNumber: aws.Int32(number), ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32}
		return nil
	})
	return part, err
}

// complete makes the object appear. If the answer of an attempt got lost, the
// next one finds no such upload, or the object in its own way.
func (s *s3Service) complete(ctx context.Context, key, id string, size int64, parts []types.CompletedPart) error {
	var conflict error
	maybeDone := false
	err := s.retry.do(ctx, func() error {
		out, err := s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
			Bucket: aws.String(s.name), Key: aws.String(key), UploadId: aws.String(id),
			IfNoneMatch: aws.String(absentTag), MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		})
		if err == nil {
			err = vouched(out.ETag)
		}
		err = classifyS3(ctx, err)
		if errors.Is(err, errConflict) {
			conflict = err // S3 wants everything to be sent anew then
			return nil
		}
		if maybeDone && (errors.Is(err, ErrExists) || errors.Is(err, errNoUpload)) {
			return claim(err, func() (bool, error) { return hasSize(ctx, s.stat, key, size) })
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
func (s *s3Service) abort(ctx context.Context, key, id string) error {
	ctx, cancel := cleanup(ctx)
	defer cancel()
	err := s.retry.do(ctx, func() error {
		_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
			Bucket: aws.String(s.name), Key: aws.String(key), UploadId: aws.String(id),
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

// vouched is nil if an answer has the tag of what was stored, as every server's
// has: without it, it is the page of a proxy, or broke off at its begin.
func vouched(tag *string) error {
	if aws.ToString(tag) == "" {
		return errNotFromS3
	}
	return nil
}

func (s *s3Service) encryption() (types.ServerSideEncryption, *string) {
	method, key := types.ServerSideEncryption(s.o.Objects.Encryption), cmp.Or(s.o.Objects.Key, s.o.KMSKeyID)
	if method == types.ServerSideEncryptionAes256 || key == "" {
		return method, nil // S3's own key, the account's or, without a method, as the bucket says
	}
	return cmp.Or(method, types.ServerSideEncryptionAwsKms), aws.String(key)
}

func (s *s3Service) tags() *string {
	if len(s.o.Objects.Tags) == 0 {
		return nil
	}
	return aws.String(s.o.Objects.query())
}

const contentType = "application/octet-stream"
