package store

import (
	"context"
	"errors"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// azureBatch is the most requests that Azure takes in one.
const azureBatch = 256

func (s *azureService) batch() int { return azureBatch }

// removeMany is one request, which has one for each key in it.
func (s *azureService) removeMany(ctx context.Context, keys []string) (map[string]error, error) {
	all, err := s.container.NewBatchBuilder()
	if err != nil {
		return nil, invalid("making the request: %w", err)
	}
	for _, key := range keys {
		err := all.Delete(key, &container.BatchDeleteOptions{DeleteOptions: blob.DeleteOptions{DeleteSnapshots: to.Ptr(blob.DeleteSnapshotsOptionTypeInclude)}})
		if err != nil {
			return nil, invalid("making the request: %w", err)
		}
	}
	out, err := s.container.SubmitBatch(ctx, all, nil)
	if err != nil {
		return nil, s.unbatched(ctx, err)
	}
	failed := allFailed(keys, asTransient("the answer does not tell of it"))
	for _, answer := range out.Responses {
		if answer.ContentID == nil || *answer.ContentID < 0 || *answer.ContentID >= len(keys) {
			return nil, asTransient("the answer is of no request")
		}
		key := keys[*answer.ContentID]
		if err := classifyAzure(ctx, answer.Error); err != nil {
			failed[key] = err
		} else {
			delete(failed, key)
		}
	}
	return failed, nil
}

// unbatched is errNoBatch of a server that knows no batches, or does not let this
// account use them.
func (s *azureService) unbatched(ctx context.Context, err error) error {
	var answer *azcore.ResponseError
	if errors.As(err, &answer) && (answer.StatusCode == http.StatusNotImplemented || answer.StatusCode == http.StatusMethodNotAllowed) {
		return errNoBatch
	}
	if err = classifyAzure(ctx, err); classified(err) || ended(ctx) != nil {
		return err
	}
	return as(ErrTransient, err) // the SDK's word for an answer that is no batch
}
