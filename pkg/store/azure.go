package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// azureBucket speaks to Azure Blob Storage through its SDK. gocloud.dev's driver
// ends the process when a write fails (a lost race, a cancel), lets two uploads of
// a key mix their blocks, leaves them behind, and reads other names than it was
// given where they look like its escapes.
type azureBucket struct {
	label     string // in errors
	container *container.Client
	http      *http.Client
	retry     *retrier // for the blocks of an object, which no decorator sees

	partSize       int64
	buffers        *buffers
	fewerChecksums bool
}

func openAzure(_ context.Context, l Location, o Options, r *retrier) (Bucket, error) {
	client, h, err := newAzureClient(l.Bucket, o)
	if err != nil {
		return nil, err
	}
	return &azureBucket{
		label: l.bucketName(), container: client, http: h, retry: r,
		partSize: partSize, buffers: newBuffers(partSize, connections(o)), fewerChecksums: o.FewerChecksums,
	}, nil
}

// checkAzure lists one object, as a signature for objects may do that, and not
// ask for the container itself.
func checkAzure(ctx context.Context, l Location, o Options, create bool) error {
	client, h, err := newAzureClient(l.Bucket, o)
	if err != nil {
		return err
	}
	defer h.CloseIdleConnections()
	_, err = client.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{MaxResults: to.Ptr[int32](1)}).NextPage(ctx)
	err = classifyAzure(ctx, err)
	if !errors.Is(err, ErrNoBucket) {
		return err
	}
	if !create {
		return fmt.Errorf("%w: %s", ErrNoBucket, l.bucketName())
	}
	_, err = client.Create(ctx, nil)
	if err = classifyAzure(ctx, err); err != nil && !errors.Is(err, ErrExists) {
		return fmt.Errorf("creating it: %w", err)
	}
	return nil
}

// Get is one request, and its answer the reader.
func (b *azureBucket) Get(ctx context.Context, key string, offset int64) (io.ReadCloser, Object, error) {
	r, o, err := b.get(ctx, key, offset)
	if err != nil {
		return nil, Object{}, b.doing(ctx, "reading", key, err)
	}
	return r, o, nil
}

func (b *azureBucket) get(ctx context.Context, key string, offset int64) (io.ReadCloser, Object, error) {
	if err := checkAzureKey(ctx, key); err != nil {
		return nil, Object{}, err
	}
	if offset < 0 {
		return nil, Object{}, invalid("offset %d", offset)
	}
	out, err := b.container.NewBlobClient(key).DownloadStream(ctx, &blob.DownloadStreamOptions{Range: blob.HTTPRange{Offset: offset}})
	if err = classifyAzure(ctx, err); errors.Is(err, errRange) {
		return b.atEnd(ctx, key, offset)
	}
	if err != nil {
		return nil, Object{}, err
	}
	if isDiscard(out.Metadata) {
		return nil, Object{}, errors.Join(ErrNotFound, out.Body.Close())
	}
	if out.ContentLength == nil || out.LastModified == nil || offset > 0 && out.ContentRange == nil {
		return nil, Object{}, errors.Join(fmt.Errorf("%w: the server does not tell the size, the time or the range", ErrInvalid), out.Body.Close())
	}
	r := &connectionReader{out.Body, func() error { return ended(ctx) }, func(err error) error { return b.doing(ctx, "reading", key, err) }}
	return r, Object{Key: key, Size: *out.ContentLength + offset, Modified: *out.LastModified}, nil
}

// atEnd is for a range that is called unsatisfiable: nothing is left to read, or
// the offset lies behind the end.
func (b *azureBucket) atEnd(ctx context.Context, key string, offset int64) (io.ReadCloser, Object, error) {
	o, err := b.stat(ctx, key)
	if err == nil && o.Size != offset {
		err = invalid("offset %d of %d bytes", offset, o.Size)
	}
	return http.NoBody, o, err
}

// Stat asks for the properties.
func (b *azureBucket) Stat(ctx context.Context, key string) (Object, error) {
	o, err := b.stat(ctx, key)
	if err != nil {
		return Object{}, b.doing(ctx, "looking for", key, err)
	}
	return o, nil
}

func (b *azureBucket) stat(ctx context.Context, key string) (Object, error) {
	if err := checkAzureKey(ctx, key); err != nil {
		return Object{}, err
	}
	out, err := b.container.NewBlobClient(key).GetProperties(ctx, nil)
	if err != nil {
		return Object{}, classifyAzure(ctx, err)
	}
	if isDiscard(out.Metadata) {
		return Object{}, ErrNotFound
	}
	if out.ContentLength == nil || out.LastModified == nil {
		return Object{}, invalid("the server does not tell the size or the time")
	}
	return Object{Key: key, Size: *out.ContentLength, Modified: *out.LastModified}, nil
}

// List asks for a page when it is needed.
func (b *azureBucket) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		pages := b.container.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{
			Prefix: to.Ptr(prefix), Include: container.ListBlobsInclude{Metadata: true},
		})
		last := ""
		for pages.More() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(Object{}, b.doing(ctx, "listing", prefix, err))
				return
			}
			for _, item := range page.Segment.BlobItems {
				o, ok := listed(item)
				if !ok {
					continue
				}
				// Whoever goes on after a failure trusts the order.
				if o.Key <= last {
					yield(Object{}, b.doing(ctx, "listing", prefix, invalid("%s comes after %s: accounts with a hierarchical namespace are not supported", o.Key, last)))
					return
				}
				last = o.Key
				if !yield(o, nil) {
					return
				}
			}
		}
	}
}

// listed is an object of a list, unless it is no object for us: a directory of a
// console, which no Put can write, or what discard is about to remove.
func listed(item *container.BlobItem) (Object, bool) {
	p := item.Properties
	if item.Name == nil || p == nil || p.ContentLength == nil || p.LastModified == nil {
		return Object{}, false
	}
	o := Object{Key: *item.Name, Size: *p.ContentLength, Modified: *p.LastModified}
	return o, !strings.HasSuffix(o.Key, "/") && !isDiscard(item.Metadata)
}

// Delete is one request; with an object go its snapshots, without which Azure
// would refuse.
func (b *azureBucket) Delete(ctx context.Context, key string) error {
	err := checkAzureKey(ctx, key)
	if err == nil {
		_, err = b.container.NewBlobClient(key).Delete(ctx, &blob.DeleteOptions{DeleteSnapshots: to.Ptr(blob.DeleteSnapshotsOptionTypeInclude)})
	}
	if err = classifyAzure(ctx, err); err != nil && !errors.Is(err, ErrNotFound) {
		return b.doing(ctx, "deleting", key, err)
	}
	return nil
}

// Close closes the connections that nobody uses.
func (b *azureBucket) Close() error {
	b.http.CloseIdleConnections()
	return nil
}

func (b *azureBucket) doing(ctx context.Context, what, key string, err error) error {
	return doing(what, key, b.label, classifyAzure(ctx, err))
}

// checkAzureKey refuses, besides what no bucket takes, what Azure would store under
// another name: it makes a slash of a backslash, and drops dots before a slash.
func checkAzureKey(ctx context.Context, key string) error {
	if strings.Contains(key, `\`) || strings.HasSuffix(key, ".") || strings.Contains(key, "./") {
		return invalid("key %q has a backslash, or a segment that ends with a dot, which Azure does not keep", key)
	}
	return checkCall(ctx, key)
}

// absent is the condition of a write that must find its key free.
func absent() *blob.AccessConditions {
	return &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: to.Ptr(azcore.ETagAny)}}
}
