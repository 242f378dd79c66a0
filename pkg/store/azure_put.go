package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"strings"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
)

// maxBlocks is what Azure takes in an object; those of one above 390 GiB grow.
const maxBlocks = 50_000

// azureCRC64 is Azure's polynomial, of NVMe.
var azureCRC64 = crc64.MakeTable(0x9A6C9329AC4BC9B5)

func (s *azureService) send(ctx context.Context, key string, body []byte, w write) error {
	o := &blockblob.UploadOptions{
		HTTPHeaders: &blob.HTTPHeaders{BlobContentType: to.Ptr(contentType)}, TransactionalValidation: s.checksum(body),
		Tier: tier(w.class), Tags: s.keep.Tags, CPKScopeInfo: s.scope(),
	}
	if w.onlyIfAbsent {
		o.AccessConditions = absent()
	}
	_, err := s.container.NewBlockBlobClient(key).Upload(ctx, streaming.NopCloser(bytes.NewReader(body)), o)
	return s.unlessDiscarding(ctx, key, classifyAzure(ctx, err))
}

// checksum is what Azure compares a body with; nothing for servers that know none.
func (s *azureService) checksum(body []byte) blob.TransferValidationType {
	if s.fewerChecksums {
		return nil
	}
	return blob.TransferValidationTypeCRC64(crc64.Checksum(body, azureCRC64))
}

// tier is Azure's name of a class: Cool.
func tier(class string) *blob.AccessTier {
	if class == "" {
		return nil
	}
	return to.Ptr(blob.AccessTier(strings.ToUpper(class[:1]) + strings.ToLower(class[1:])))
}

// scope is who encrypts.
func (s *azureService) scope() *blob.CPKScopeInfo {
	if s.keep.Key == "" {
		return nil
	}
	return &blob.CPKScopeInfo{EncryptionScope: to.Ptr(s.keep.Key)}
}

// sendLarge sends an object in blocks. Nothing is seen of it before the last
// request, and nothing of it stays if that does not come.
func (s *azureService) sendLarge(ctx context.Context, key string, size int64, body io.Reader) error {
	var staged atomic.Bool
	blocks, err := s.sendBlocks(ctx, key, size, body, &staged)
	if err == nil {
		err = s.complete(ctx, key, size, blocks)
	}
	if err != nil && staged.Load() {
		return errors.Join(err, s.discard(ctx, key))
	}
	return err
}

// sendBlocks sends the blocks under names that no other writer of the key uses:
// Azure keeps those of all writers together, and would mix them.
func (s *azureService) sendBlocks(ctx context.Context, key string, size int64, body io.Reader, staged *atomic.Bool) ([]string, error) {
	length := partLength(s.buffers.partSize, size, maxBlocks)
	names := make([]string, (size+length-1)/length)
	upload := rand.Text()
	client := s.container.NewBlockBlobClient(key)
	err := s.buffers.parts(ctx, body, size, length, func(i int, block []byte) error {
		names[i] = base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s-%05d", upload, i))
		return s.retry.do(ctx, func() error {
			_, err := client.StageBlock(ctx, names[i], streaming.NopCloser(bytes.NewReader(block)), &blockblob.StageBlockOptions{
				TransactionalValidation: s.checksum(block), CPKScopeInfo: s.scope(),
			})
			err = classifyAzure(ctx, err)
			if err == nil || mayHaveHappened(err) || ended(ctx) != nil {
				staged.Store(true)
			}
			if err != nil {
				return fmt.Errorf("sending block %d: %w", i, err)
			}
			return nil
		})
	})
	return names, err
}

// complete makes the object appear. If the answer of an attempt got lost, the
// next one finds no such blocks, or the object in its own way.
func (s *azureService) complete(ctx context.Context, key string, size int64, blocks []string) error {
	var conflict error
	maybeDone := false
	err := s.retry.do(ctx, func() error {
		_, err := s.container.NewBlockBlobClient(key).CommitBlockList(ctx, blocks, &blockblob.CommitBlockListOptions{
			HTTPHeaders: &blob.HTTPHeaders{BlobContentType: to.Ptr(contentType)}, AccessConditions: absent(),
			Tier: tier(s.keep.StorageClass), Tags: s.keep.Tags, CPKScopeInfo: s.scope(),
		})
		err = classifyAzure(ctx, err)
		if maybeDone && (errors.Is(err, ErrExists) || errors.Is(err, errConflict)) {
			return claim(err, func() (bool, error) { return hasSize(ctx, s.stat, key, size) })
		}
		if errors.Is(err, errConflict) {
			conflict = err // the blocks are gone: everything has to be sent anew
			return nil
		}
		maybeDone = maybeDone || mayHaveHappened(err)
		return err
	})
	if conflict != nil {
		err = conflict
	}
	if errors.Is(err, errConflict) {
		// Most often the other writer won.
		if _, found := s.stat(ctx, key); found == nil {
			return ErrExists
		}
	}
	return s.unlessDiscarding(ctx, key, err)
}
