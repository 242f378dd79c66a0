package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// kindOfCode has the codes of S3 and of those who imitate it. What is not here
// is judged by its status.
var kindOfCode = map[string]error{
	"NoSuchKey":    ErrNotFound,
	"NotFound":     ErrNotFound,
	"NoSuchUpload": errNoUpload,
	"NoSuchBucket": ErrNoBucket,

	"PreconditionFailed":         ErrExists,
	"ConditionalRequestConflict": errConflict,

	"AccessDenied":                ErrDenied,
	"Forbidden":                   ErrDenied,
	"AccountProblem":              ErrDenied,
	"AllAccessDisabled":           ErrDenied,
	"BucketAlreadyExists":         ErrDenied, // it is another account's
	"ExpiredToken":                ErrDenied,
	"InvalidAccessKeyId":          ErrDenied,
	"InvalidSecurity":             ErrDenied,
	"InvalidToken":                ErrDenied,
	"RequestTimeTooSkewed":        ErrDenied, // the clock of this machine is wrong
	"SignatureDoesNotMatch":       ErrDenied,
	"TokenRefreshRequired":        ErrDenied,
	"UnrecognizedClientException": ErrDenied,

	"RequestLimitExceeded": ErrThrottled,
	"SlowDown":             ErrThrottled,
	"Throttling":           ErrThrottled,
	"ThrottlingException":  ErrThrottled,
	"TooManyRequests":      ErrThrottled,

	"BadDigest":                    ErrTransient, // damaged on the way
	"XAmzContentChecksumMismatch":  ErrTransient,
	"XAmzContentSHA256Mismatch":    ErrTransient,
	"InternalError":                ErrTransient,
	"InternalServerError":          ErrTransient,
	"OperationAborted":             ErrTransient,
	"RequestTimeout":               ErrTransient,
	"RequestTimeoutException":      ErrTransient,
	"ServiceUnavailable":           ErrTransient,
	"IncompleteBody":               ErrTransient,
	"InvalidRange":                 errRange,
	"RequestedRangeNotSatisfiable": errRange,
}

// errNotFromS3 is of a success that no S3 server answers with.
var errNotFromS3 = asTransient("the answer is not one of S3")

// classifyS3 gives an error of the SDK, or of the connection under it, its
// sentinel.
func classifyS3(ctx context.Context, err error) error { return classify(ctx, err, kindOfS3) }

// elsewhere names the region that a redirect is to, where the server tells it. It
// is not followed: the keys are for the place that was configured.
func elsewhere(answer *awshttp.ResponseError) error {
	region := "another region"
	if r := answer.Response; r != nil && r.Header.Get("X-Amz-Bucket-Region") != "" {
		region = fmt.Sprintf("the region %.50q", r.Header.Get("X-Amz-Bucket-Region"))
	}
	return fmt.Errorf("%w: the bucket lies in %s, or at another address", ErrInvalid, region)
}

// kindOfS3 is for errors that the server sent.
func kindOfS3(err error) error {
	var api smithy.APIError
	if errors.As(err, &api) {
		if kind := kindOfCode[api.ErrorCode()]; kind != nil {
			return kind
		}
	}
	var answer *awshttp.ResponseError
	if !errors.As(err, &answer) {
		return nil
	}
	if status := answer.HTTPStatusCode(); status == http.StatusMovedPermanently || status == http.StatusTemporaryRedirect {
		return elsewhere(answer)
	}
	kind := kindOfStatus(answer.HTTPStatusCode())
	if errors.Is(kind, ErrInvalid) && says(err, "get credentials") {
		return ErrDenied // who gives out the keys does not know our token
	}
	return kind
}
