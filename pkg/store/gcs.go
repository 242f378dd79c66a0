package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// gcsBucket speaks the JSON API of Google Cloud Storage itself: it is seven
// requests. Google's own client brings gRPC, xDS and OpenTelemetry, which made the
// idle sidecar 42 MB instead of 25 and its program 59 MB instead of 36; it tries
// the chunks of an upload again on its own, and cannot be told not to.
// gocloud.dev's driver is a layer over that client which also reads other names
// than it was given where they look like its escapes.
type gcsBucket struct {
	name   string // of the bucket
	label  string // in errors
	client *gcsClient
	retry  *retrier // for the chunks of an object, which no decorator sees

	partSize int64
	buffers  *buffers
}

// gcsObject is what the API tells of an object.
type gcsObject struct {
	Name       string    `json:"name"`
	Size       int64     `json:"size,string"`
	Updated    time.Time `json:"updated"`
	Generation string    `json:"generation"`
	CRC32C     string    `json:"crc32c"`
}

func (o gcsObject) object() Object { return Object{Key: o.Name, Size: o.Size, Modified: o.Updated} }

func openGCS(_ context.Context, l Location, o Options, r *retrier) (Bucket, error) {
	client, err := newGCSClient(o)
	if err != nil {
		return nil, err
	}
	return &gcsBucket{
		name: l.Bucket, label: l.bucketName(), client: client, retry: r,
		partSize: partSize, buffers: newBuffers(partSize, connections(o)),
	}, nil
}

// checkGCS lists one object: to ask for the bucket itself needs a permission that
// the roles for objects lack.
func checkGCS(ctx context.Context, l Location, o Options, create bool) error {
	client, err := newGCSClient(o)
	if err != nil {
		return err
	}
	defer client.http.CloseIdleConnections()
	query := url.Values{"maxResults": {"1"}, "fields": {"kind"}}
	look := func() error {
		return client.json(ctx, request{method: http.MethodGet, path: bucketPath(l.Bucket) + "/o", query: query, missing: ErrNoBucket}, nil)
	}
	err = look()
	if !errors.Is(err, ErrNoBucket) {
		return err
	}
	if !create {
		return fmt.Errorf("%w: %s", ErrNoBucket, l.bucketName())
	}
	switch err := createGCS(ctx, client, l.Bucket); {
	case errors.Is(err, errConflict):
		return look() // someone made it meanwhile, we or another account
	case err != nil:
		return fmt.Errorf("creating it: %w", err)
	}
	return nil
}

func createGCS(ctx context.Context, client *gcsClient, name string) error {
	project, err := client.project(ctx)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{
		"name": name,
		// Permissions of single objects are what Google advises against.
		"iamConfiguration": map[string]any{"uniformBucketLevelAccess": map[string]any{"enabled": true}},
	})
	if err != nil {
		return err
	}
	return client.json(ctx, request{
		method: http.MethodPost, path: "/storage/v1/b", query: url.Values{"project": {project}}, contentType: jsonType, body: body,
	}, nil)
}

// Get is one request, and its answer the reader.
func (b *gcsBucket) Get(ctx context.Context, key string, offset int64) (io.ReadCloser, Object, error) {
	r, o, err := b.get(ctx, key, offset)
	if err != nil {
		return nil, Object{}, b.doing(ctx, "reading", key, err)
	}
	return r, o, nil
}

func (b *gcsBucket) get(ctx context.Context, key string, offset int64) (io.ReadCloser, Object, error) {
	if err := checkCall(ctx, key); err != nil {
		return nil, Object{}, err
	}
	if offset < 0 {
		return nil, Object{}, invalid("offset %d", offset)
	}
	q := request{method: http.MethodGet, path: b.path(key), query: url.Values{"alt": {"media"}}, missing: ErrNotFound}
	if offset > 0 {
		q.header = http.Header{"Range": {"bytes=" + strconv.FormatInt(offset, 10) + "-"}}
	}
	answer, err := b.client.do(ctx, q)
	if errors.Is(err, errRange) {
		return b.atEnd(ctx, key, offset)
	}
	if err != nil {
		return nil, Object{}, err
	}
	if offset > 0 && answer.StatusCode != http.StatusPartialContent {
		return nil, Object{}, errors.Join(fmt.Errorf("%w: the server ignored the range", ErrInvalid), answer.Body.Close())
	}
	if answer.ContentLength < 0 {
		return nil, Object{}, errors.Join(fmt.Errorf("%w: the server does not tell the size", ErrInvalid), answer.Body.Close())
	}
	modified, err := http.ParseTime(answer.Header.Get("Last-Modified"))
	if err != nil {
		return nil, Object{}, errors.Join(invalid("the time of the object: %w", err), answer.Body.Close())
	}
	r := &connectionReader{answer.Body, func() error { return ended(ctx) }, func(err error) error { return b.doing(ctx, "reading", key, err) }}
	return r, Object{Key: key, Size: answer.ContentLength + offset, Modified: modified}, nil
}

// atEnd is for a range that is called unsatisfiable: nothing is left to read, or
// the offset lies behind the end.
func (b *gcsBucket) atEnd(ctx context.Context, key string, offset int64) (io.ReadCloser, Object, error) {
	o, err := b.stat(ctx, key)
	if err == nil && o.Size != offset {
		err = invalid("offset %d of %d bytes", offset, o.Size)
	}
	return http.NoBody, o.object(), err
}

// Stat asks for what is told of an object.
func (b *gcsBucket) Stat(ctx context.Context, key string) (Object, error) {
	o, err := b.stat(ctx, key)
	if err != nil {
		return Object{}, b.doing(ctx, "looking for", key, err)
	}
	return o.object(), nil
}

const objectFields = "name,size,updated,generation,crc32c"

func (b *gcsBucket) stat(ctx context.Context, key string) (o gcsObject, err error) {
	if err := checkCall(ctx, key); err != nil {
		return o, err
	}
	query := url.Values{"fields": {objectFields}}
	err = b.client.json(ctx, request{method: http.MethodGet, path: b.path(key), query: query, missing: ErrNotFound}, &o)
	return o, err
}

// List asks for a page of 1000 when it is needed.
func (b *gcsBucket) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		query := url.Values{"prefix": {prefix}, "maxResults": {"1000"}, "fields": {"items(name,size,updated),nextPageToken"}}
		for {
			var page struct {
				Items         []gcsObject `json:"items"`
				NextPageToken string      `json:"nextPageToken"`
			}
			err := b.client.json(ctx, request{method: http.MethodGet, path: bucketPath(b.name) + "/o", query: query, missing: ErrNoBucket}, &page)
			if err != nil {
				yield(Object{}, b.doing(ctx, "listing", prefix, err))
				return
			}
			for _, o := range page.Items {
				// A console makes "directories": empty objects that no Put can write.
				if strings.HasSuffix(o.Name, "/") {
					continue
				}
				if !yield(o.object(), nil) {
					return
				}
			}
			if page.NextPageToken == "" {
				return
			}
			query.Set("pageToken", page.NextPageToken)
		}
	}
}

// Delete is one request.
func (b *gcsBucket) Delete(ctx context.Context, key string) error {
	err := checkCall(ctx, key)
	if err == nil {
		err = b.client.json(ctx, request{method: http.MethodDelete, path: b.path(key), missing: ErrNotFound}, nil)
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return b.doing(ctx, "deleting", key, err)
	}
	return nil
}

// Close closes the connections that nobody uses.
func (b *gcsBucket) Close() error {
	b.client.http.CloseIdleConnections()
	return nil
}

func (b *gcsBucket) doing(ctx context.Context, what, key string, err error) error {
	return doing(what, key, b.label, classify(ctx, err, kindOfGCS))
}

func (b *gcsBucket) path(key string) string { return bucketPath(b.name) + "/o/" + url.PathEscape(key) }

func bucketPath(name string) string { return "/storage/v1/b/" + url.PathEscape(name) }
