package store

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// azureService speaks to Azure Blob Storage through its SDK. gocloud.dev's driver
// ends the process when a write fails (a lost race, a cancel), lets two uploads of
// a key mix their blocks, leaves them behind, and reads other names than it was
// given where they look like its escapes.
type azureService struct {
	container *container.Client
	http      *http.Client
	// retry is for the blocks of an object, which no decorator sees.
	retry          *retrier
	buffers        *buffers
	fewerChecksums bool
	keep           Objects
}

func openAzure(_ context.Context, l Location, o Options, r *retrier) (Bucket, error) {
	client, h, err := newAzureClient(l.Bucket, o)
	if err != nil {
		return nil, err
	}
	b := newBuffers(partSize, connections(o))
	return &cloud{service: &azureService{container: client, http: h, retry: r, buffers: b, fewerChecksums: o.FewerChecksums, keep: o.Objects}, label: l.bucketName(), class: o.Objects.StorageClass, buffers: b}, nil
}

// checkAzure lists one object, as a signature for objects may do that, and not
// ask for the container itself.
func checkAzure(ctx context.Context, l Location, o Options, create bool) error {
	client, h, err := newAzureClient(l.Bucket, o)
	if err != nil {
		return err
	}
	defer h.CloseIdleConnections()
	look := func() error {
		_, err := client.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{MaxResults: to.Ptr[int32](1)}).NextPage(ctx)
		return classifyAzure(ctx, err)
	}
	return checkCloud(l, create, look, func() error {
		_, err := client.Create(ctx, nil)
		return classifyAzure(ctx, err)
	})
}

func (s *azureService) get(ctx context.Context, key string, offset int64) (io.ReadCloser, Object, error) {
	out, err := s.container.NewBlobClient(key).DownloadStream(ctx, &blob.DownloadStreamOptions{Range: blob.HTTPRange{Offset: offset}})
	if err != nil {
		return nil, Object{}, classifyAzure(ctx, err)
	}
	if isDiscard(out.Metadata) {
		return nil, Object{}, errors.Join(ErrNotFound, out.Body.Close())
	}
	if out.ContentLength == nil || out.LastModified == nil || offset > 0 && out.ContentRange == nil {
		return nil, Object{}, errors.Join(errNotFromAzure, out.Body.Close())
	}
	return out.Body, Object{Key: key, Size: *out.ContentLength + offset, Modified: *out.LastModified}, nil
}

func (s *azureService) stat(ctx context.Context, key string) (Object, error) {
	out, err := s.container.NewBlobClient(key).GetProperties(ctx, nil)
	if err != nil {
		return Object{}, classifyAzure(ctx, err)
	}
	if isDiscard(out.Metadata) {
		return Object{}, ErrNotFound
	}
	if out.ContentLength == nil || out.LastModified == nil {
		return Object{}, errNotFromAzure
	}
	return Object{Key: key, Size: *out.ContentLength, Modified: *out.LastModified}, nil
}

// list asks for a page when it is needed.
func (s *azureService) list(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		pages := s.container.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{
			Prefix: to.Ptr(prefix), Include: container.ListBlobsInclude{Metadata: true},
		})
		last := ""
		for pages.More() {
			items, err := nextItems(ctx, pages)
			if err != nil {
				yield(Object{}, err)
				return
			}
			for _, item := range items {
				o, ok := listed(item)
				if !ok {
					continue
				}
				// Whoever goes on after a failure trusts the order.
				if o.Key <= last {
					yield(Object{}, invalid("%s comes after %s: accounts with a hierarchical namespace are not supported", o.Key, last))
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

// nextItems are those of the next page. An empty answer is no empty container.
func nextItems(ctx context.Context, pages *runtime.Pager[container.ListBlobsFlatResponse]) ([]*container.BlobItem, error) {
	page, err := pages.NextPage(ctx)
	if err != nil {
		return nil, classifyAzure(ctx, err)
	}
	if page.Segment == nil {
		return nil, errNotFromAzure
	}
	return page.Segment.BlobItems, nil
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

// remove is one request; with an object go its snapshots, without which Azure
// would refuse.
func (s *azureService) remove(ctx context.Context, key string) error {
	_, err := s.container.NewBlobClient(key).Delete(ctx, &blob.DeleteOptions{DeleteSnapshots: to.Ptr(blob.DeleteSnapshotsOptionTypeInclude)})
	return classifyAzure(ctx, err)
}

func (s *azureService) rest() { s.http.CloseIdleConnections() }

// refuse is for keys that Azure would store under another name: it makes a slash
// of a backslash, and drops dots before a slash.
func (s *azureService) refuse(key string) error {
	if strings.Contains(key, `\`) || strings.HasSuffix(key, ".") || strings.Contains(key, "./") {
		return invalid("key %q has a backslash, or a segment that ends with a dot, which Azure does not keep", key)
	}
	return nil
}

func (s *azureService) sort(ctx context.Context, err error) error { return classifyAzure(ctx, err) }

// absent is the condition of a write that must find its key free.
func absent() *blob.AccessConditions {
	return &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: to.Ptr(azcore.ETagAny)}}
}
