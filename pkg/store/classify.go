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

// classify gives an error of a provider, or of the connection under it, its
// sentinel. After the context has ended nothing else matters: the libraries have
// many ways to say that.
func classify(ctx context.Context, err error, kindOfAnswer func(error) error) error {
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

// kindOfStatus is what an answer's status says, where its code says nothing.
func kindOfStatus(status int) error {
	switch {
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
	case status == http.StatusRequestTimeout, status >= http.StatusInternalServerError && status != http.StatusNotImplemented:
		return ErrTransient
	case status >= http.StatusMultipleChoices:
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

// doing says what was being done to a key, and in which bucket.
func doing(what, key, bucket string, err error) error {
	return fmt.Errorf("%s %s in %s: %w", what, key, bucket, err)
}

// connectionReader gives the failures of a connection their sentinel, and ends
// with its context: the connection learns of that only a while later.
type connectionReader struct {
	io.ReadCloser
	ended func() error
	doing func(error) error
}

// Read reads from the connection.
func (r *connectionReader) Read(p []byte) (int, error) {
	if err := r.ended(); err != nil {
		return 0, r.doing(err)
	}
	n, err := r.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = r.doing(err)
	}
	return n, err
}

// cleanup is a context for what has to be done after ctx has ended.
func cleanup(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(context.WithoutCancel(ctx), cleanupTimeout, errNoAnswer)
}
