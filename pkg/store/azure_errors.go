package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
)

// azureError is an answer that is no success. The SDK's is a page of text.
type azureError struct {
	status   int
	code, id string
}

// Error names the request, for whoever asks Azure about it.
func (e *azureError) Error() string {
	return fmt.Sprintf("%d %s (request %s)", e.status, e.code, e.id)
}

// kindOfAzureCode has the codes that say more than the status.
var kindOfAzureCode = map[bloberror.Code]error{
	bloberror.ContainerNotFound:     ErrNoBucket,
	bloberror.ContainerDisabled:     ErrDenied,
	bloberror.ContainerBeingDeleted: ErrTransient, // and then it is not there

	bloberror.BlobAlreadyExists:      ErrExists,
	bloberror.ContainerAlreadyExists: ErrExists,
	bloberror.ConditionNotMet:        ErrExists,
	bloberror.InvalidBlockList:       errConflict, // another write of the key discarded the blocks

	bloberror.BlobImmutableDueToPolicy:  ErrDenied,
	bloberror.BlobArchived:              ErrInvalid,
	bloberror.LeaseIDMissing:            ErrDenied,
	bloberror.UnauthorizedBlobOverwrite: ErrDenied,
	bloberror.AccountIsDisabled:         ErrDenied,

	bloberror.InvalidRange: errRange,
	"FeatureNotSupported":  ErrInvalid, // Azurite, of a checksum
	bloberror.ServerBusy:   ErrThrottled,

	bloberror.MD5Mismatch:   ErrTransient, // damaged on the way
	bloberror.CRC64Mismatch: ErrTransient,
}

// classifyAzure gives an error of the SDK, or of the connection under it, its
// sentinel.
func classifyAzure(ctx context.Context, err error) error {
	var answer *azcore.ResponseError
	var u *url.Error
	switch {
	case classified(err):
	case errors.As(err, &answer):
		short := &azureError{status: answer.StatusCode, code: answer.ErrorCode}
		if answer.RawResponse != nil {
			short.id = answer.RawResponse.Header.Get("x-ms-request-id")
		}
		err = short
	case errors.As(err, &u):
		err = u.Err // its URL may have a signature in it
	}
	return classify(ctx, err, kindOfAzure)
}

// kindOfAzure is for errors that the server sent, or the one that gives out tokens.
func kindOfAzure(err error) error {
	var failed *azidentity.AuthenticationFailedError
	if errors.As(err, &failed) {
		if failed.RawResponse != nil && failed.RawResponse.StatusCode >= http.StatusInternalServerError {
			return ErrTransient
		}
		return ErrDenied
	}
	if says(err, "failed to acquire a token") {
		return ErrDenied // there are no credentials
	}
	if says(err, "unmarshalling type") {
		return ErrTransient // an answer that broke off
	}
	var answer *azureError
	if !errors.As(err, &answer) {
		return nil
	}
	if kind := kindOfAzureCode[bloberror.Code(answer.code)]; kind != nil {
		return kind
	}
	return cmp.Or(kindOfStatus(answer.status), errNotFromAzure) // it is a success of something else
}

// errNotFromAzure is of a success that Azure does not answer with.
var errNotFromAzure = asTransient("the answer is not one of Azure")
