package store

import (
	"context"
	"errors"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
)

// Azure has no request that frees the blocks of an upload. It keeps and charges
// them for a week, unless the object appears. So an upload that failed makes it
// appear, empty and with a mark, and deletes it; in the moment between the mark
// says to every reader here that there is no object, and to every writer that it
// has to come again.

// discardMark is a name of metadata, which Azure wants to be an identifier.
const discardMark = "icarus_discard"

func isDiscard(metadata map[string]*string) bool {
	for name := range metadata {
		if strings.EqualFold(name, discardMark) { // headers change their case
			return true
		}
	}
	return false
}

// discard frees the blocks of a key, also and above all after ctx has ended.
// Where the key is taken meanwhile, Azure freed them, but for those of a writer
// that came too late: these it keeps for a week.
func (s *azureService) discard(ctx context.Context, key string) error {
	ctx, cancel := cleanup(ctx)
	defer cancel()
	err := s.retry.do(ctx, func() error {
		_, err := s.container.NewBlockBlobClient(key).CommitBlockList(ctx, []string{}, &blockblob.CommitBlockListOptions{
			Metadata: map[string]*string{discardMark: to.Ptr("1")}, AccessConditions: absent(), CPKScopeInfo: s.scope(),
		})
		return classifyAzure(ctx, err)
	})
	if err == nil || errors.Is(err, ErrExists) {
		err = s.retry.do(ctx, func() error { return s.sweep(ctx, key) })
	}
	if err != nil {
		return &leftoverError{key, err}
	}
	return nil
}

// sweep deletes what discard made, if that is what is there.
func (s *azureService) sweep(ctx context.Context, key string) error {
	client := s.container.NewBlobClient(key)
	there, err := client.GetProperties(ctx, nil)
	if err == nil && isDiscard(there.Metadata) {
		_, err = client.Delete(ctx, &blob.DeleteOptions{AccessConditions: onlyIf(there.ETag)})
	}
	err = classifyAzure(ctx, err)
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrExists) { // gone, or another one
		return nil
	}
	return err
}

func onlyIf(tag *azcore.ETag) *blob.AccessConditions {
	return &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: tag}}
}

// unlessDiscarding is the error of a write, but where its key is taken by what
// discard made: that is gone soon. It is deleted here too, as whoever made it may
// have died.
func (s *azureService) unlessDiscarding(ctx context.Context, key string, err error) error {
	if !errors.Is(err, ErrExists) {
		return err
	}
	if _, found := s.stat(ctx, key); !errors.Is(found, ErrNotFound) {
		return err
	}
	if err := s.sweep(ctx, key); err != nil {
		return err
	}
	return errConflict
}
