package store

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// s3Batch is the most keys that DeleteObjects takes.
const s3Batch = 1000

func (s *s3Service) batch() int { return s3Batch }

// removeMany is one request. The answer names every key: what a proxy or an answer
// that broke off leaves out is not taken for done.
func (s *s3Service) removeMany(ctx context.Context, keys []string) (map[string]error, error) {
	objects := make([]types.ObjectIdentifier, len(keys))
	for i, key := range keys {
		objects[i].Key = aws.String(key)
	}
	out, err := s.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
		Bucket: aws.String(s.name), Delete: &types.Delete{Objects: objects},
		// The SDK sends a CRC, and servers of before want the digest that S3 asked
		// for of old.
	}, s3.WithAPIOptions(smithyhttp.AddContentChecksumMiddleware))
	if err != nil {
		if isNotImplemented(err) {
			return nil, errNoBatch
		}
		return nil, classifyS3(ctx, err)
	}
	failed := allFailed(keys, asTransient("the answer does not tell of it"))
	for _, o := range out.Deleted {
		delete(failed, aws.ToString(o.Key))
	}
	for _, o := range out.Errors {
		key := aws.ToString(o.Key)
		if !slices.Contains(keys, key) { // it would be deleted at the next attempt
			return nil, asTransient("the answer is of no request")
		}
		failed[key] = kindOfKey(ctx, o)
	}
	return failed, nil
}

// kindOfKey gives what S3 says of one key its sentinel.
func kindOfKey(ctx context.Context, o types.Error) error {
	said := &smithy.GenericAPIError{Code: aws.ToString(o.Code), Message: aws.ToString(o.Message)}
	err := classifyS3(ctx, said)
	if classified(err) || ended(ctx) != nil {
		return err
	}
	return as(ErrInvalid, err)
}

// isNotImplemented is of servers that know the request not, or not for a bucket.
func isNotImplemented(err error) bool {
	var api smithy.APIError
	if errors.As(err, &api) && (api.ErrorCode() == "NotImplemented" || api.ErrorCode() == "MethodNotAllowed") {
		return true
	}
	var answer *awshttp.ResponseError
	return errors.As(err, &answer) && (answer.HTTPStatusCode() == http.StatusNotImplemented || answer.HTTPStatusCode() == http.StatusMethodNotAllowed)
}
