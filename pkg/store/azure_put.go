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

// Put sends an object at once, or in blocks if it is large.
func (b *azureBucket) Put(ctx context.Context, key string, size int64, open func() (io.ReadCloser, error)) error {
	if err := b.put(ctx, key, size, open); err != nil {
		return b.doing(ctx, "writing", key, err)
	}
	return nil
}

// Create is Put.
func (b *azureBucket) Create(ctx context.Context, key string, body []byte) error {
	return b.Put(ctx, key, int64(len(body)), reading(body))
}

// Replace is a request without a condition.
func (b *azureBucket) Replace(ctx context.Context, key string, body []byte) error {
	err := checkAzureKey(ctx, key)
	if err == nil {
		err = b.send(ctx, key, body, nil)
	}
	if err != nil {
		return b.doing(ctx, "replacing", key, err)
	}
	return nil
}

func (b *azureBucket) put(ctx context.Context, key string, size int64, open func() (io.ReadCloser, error)) (err error) {
	if err := checkAzureKey(ctx, key); err != nil {
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
		return b.putBlocks(ctx, key, size, body)
	}
	return b.buffers.with(ctx, size, func(buffer []byte) error {
		if err := readWhole(body, buffer); err != nil {
			return err
		}
		return b.unlessDiscarding(ctx, key, b.send(ctx, key, buffer, absent()))
	})
}

func (b *azureBucket) send(ctx context.Context, key string, body []byte, condition *blob.AccessConditions) error {
	_, err := b.container.NewBlockBlobClient(key).Upload(ctx, streaming.NopCloser(bytes.NewReader(body)), &blockblob.UploadOptions{
		HTTPHeaders: &blob.HTTPHeaders{BlobContentType: to.Ptr(contentType)}, AccessConditions: condition, TransactionalValidation: b.checksum(body),
	})
	return classifyAzure(ctx, err)
}

// checksum is what Azure compares a body with; nothing for servers that know none.
func (b *azureBucket) checksum(body []byte) blob.TransferValidationType {
	if b.fewerChecksums {
		return nil
	}
	return blob.TransferValidationTypeCRC64(crc64.Checksum(body, azureCRC64))
}

// putBlocks sends an object in blocks. Nothing is seen of it before the last
// request, and nothing of it stays if that does not come.
func (b *azureBucket) putBlocks(ctx context.Context, key string, size int64, body io.Reader) error {
	var staged atomic.Bool
	blocks, err := b.sendBlocks(ctx, key, size, body, &staged)
	if err == nil {
		err = b.complete(ctx, key, size, blocks)
	}
	if err != nil && staged.Load() {
		return errors.Join(err, b.discard(ctx, key))
	}
	return err
}

// sendBlocks sends the blocks under names that no other writer of the key uses:
// Azure keeps those of all writers together, and would mix them.
func (b *azureBucket) sendBlocks(ctx context.Context, key string, size int64, body io.Reader, staged *atomic.Bool) ([]string, error) {
	length := max(b.partSize, (size+maxBlocks-1)/maxBlocks)
	names := make([]string, (size+length-1)/length)
	upload := rand.Text()
	client := b.container.NewBlockBlobClient(key)
	err := b.buffers.parts(ctx, body, size, length, func(ctx context.Context, i int, block []byte) error {
		names[i] = base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s-%05d", upload, i))
		return b.retry.do(ctx, func() error {
			_, err := client.StageBlock(ctx, names[i], streaming.NopCloser(bytes.NewReader(block)), &blockblob.StageBlockOptions{
				TransactionalValidation: b.checksum(block),
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
func (b *azureBucket) complete(ctx context.Context, key string, size int64, blocks []string) error {
	var conflict error
	maybeDone := false
	err := b.retry.do(ctx, func() error {
		_, err := b.container.NewBlockBlobClient(key).CommitBlockList(ctx, blocks, &blockblob.CommitBlockListOptions{
			HTTPHeaders: &blob.HTTPHeaders{BlobContentType: to.Ptr(contentType)}, AccessConditions: absent(),
		})
		err = classifyAzure(ctx, err)
		if maybeDone && (errors.Is(err, ErrExists) || errors.Is(err, errConflict)) {
			return claim(err, func() (bool, error) { return hasSize(ctx, b, key, size) })
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
		if _, found := b.stat(ctx, key); found == nil {
			return ErrExists
		}
	}
	return b.unlessDiscarding(ctx, key, err)
}
