package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

var (
	// errRange is the ErrInvalid of a range without a byte in it.
	errRange = fmt.Errorf("%w: there is nothing at that offset", ErrInvalid)
	// errNoUpload is the ErrNotFound of an upload in parts.
	errNoUpload = fmt.Errorf("%w: the upload in parts is gone", ErrNotFound)
	// errNoAnswer is the cause of the end of a cleanup's context.
	errNoAnswer = fmt.Errorf("%w: no answer within %s", ErrTransient, cleanupTimeout)
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

// classifyS3 gives an error of the SDK, or of the connection under it, its
// sentinel. After the context has ended nothing else matters: the SDK has many
// ways to say that.
func classifyS3(ctx context.Context, err error) error {
	var source *sourceError
	switch {
	case err == nil:
		return nil
	case ended(ctx) != nil && !errors.Is(err, ctx.Err()):
		return fmt.Errorf("%w: %w", ended(ctx), err)
	case classified(err), ended(ctx) != nil, errors.As(err, &source):
		return err
	}
	if kind := kindOfAnswer(err); kind != nil {
		return as(kind, err)
	}
	if kind := kindOfConnection(err); kind != nil {
		return as(kind, err)
	}
	return err
}

func classified(err error) bool {
	for _, kind := range []error{ErrInvalid, ErrNotFound, ErrExists, ErrNoBucket, ErrDenied, ErrThrottled, ErrTransient, ErrCorrupt} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// kindOfAnswer is for errors that the server sent.
func kindOfAnswer(err error) error {
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
	switch status := answer.HTTPStatusCode(); {
	case status == http.StatusNotFound:
		return ErrNotFound
	case status == http.StatusPreconditionFailed:
		return ErrExists
	case status == http.StatusConflict:
		return errConflict
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return ErrDenied
	case status == http.StatusRequestedRangeNotSatisfiable:
		return errRange
	case status == http.StatusTooManyRequests:
		return ErrThrottled
	case status == http.StatusMovedPermanently, status == http.StatusTemporaryRedirect:
		return fmt.Errorf("%w: the bucket lies in another region", ErrInvalid)
	case status == http.StatusRequestTimeout, status >= http.StatusInternalServerError && status != http.StatusNotImplemented:
		return ErrTransient
	case status >= http.StatusBadRequest:
		return ErrInvalid
	}
	return nil // an answer that broke off
}

// kindOfConnection is for errors of the way to the server and back.
func kindOfConnection(err error) error {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var authority x509.UnknownAuthorityError
	if errors.As(err, &certificate) || errors.As(err, &record) || errors.As(err, &authority) || says(err, "server gave HTTP response to HTTPS client") {
		return ErrInvalid // another attempt meets the same certificate
	}
	var op *net.OpError
	var name *net.DNSError
	if errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect") || errors.As(err, &name) || says(err, "TLS handshake timeout") {
		return ErrUnreachable
	}
	if says(err, "checksum did not match") {
		return ErrCorrupt
	}
	var sending *smithyhttp.RequestSendError
	var broken *smithy.DeserializationError
	var network net.Error
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &network),
		errors.As(err, &sending), errors.As(err, &broken), errors.As(err, &op):
		return ErrTransient
	case says(err, "get credentials"):
		return ErrDenied // there are none, or whoever gives them out refuses
	}
	return nil
}

// says is for the errors that have no type of their own.
func says(err error, words string) bool { return strings.Contains(err.Error(), words) }
