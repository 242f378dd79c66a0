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

// gcsService speaks the JSON API of Google Cloud Storage itself: it is seven
// requests. Google's own client brings gRPC, xDS and OpenTelemetry, which made the
// idle sidecar 42 MB instead of 25 and its program 59 MB instead of 36; it tries
// the chunks of an upload again on its own, and cannot be told not to.
// gocloud.dev's driver is a layer over that client which also reads other names
// than it was given where they look like its escapes.
type gcsService struct {
	name   string // of the bucket
	client *gcsClient
	keep   Objects
	// retry is for the chunks of an object, which no decorator sees.
	retry   *retrier
	buffers *buffers
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
	b := newBuffers(partSize, connections(o))
	return &cloud{service: &gcsService{name: l.Bucket, client: client, keep: o.Objects, retry: r, buffers: b}, label: l.bucketName(), class: o.Objects.StorageClass, buffers: b}, nil
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
	return checkCloud(l, create, look, func() error { return createGCS(ctx, client, l.Bucket) })
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

func (s *gcsService) get(ctx context.Context, key string, offset int64) (io.ReadCloser, Object, error) {
	q := request{method: http.MethodGet, path: s.path(key), query: url.Values{"alt": {"media"}}, missing: ErrNotFound}
	if offset > 0 {
		q.header = http.Header{"Range": {"bytes=" + strconv.FormatInt(offset, 10) + "-"}}
	}
	answer, err := s.client.do(ctx, q)
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
		return nil, Object{}, errors.Join(asTransient("the answer does not tell the time of the object"), answer.Body.Close())
	}
	return answer.Body, Object{Key: key, Size: answer.ContentLength + offset, Modified: modified}, nil
}

const objectFields = "name,size,updated,generation,crc32c"

func (s *gcsService) stat(ctx context.Context, key string) (Object, error) {
	var o gcsObject
	query := url.Values{"fields": {objectFields}}
	err := s.client.json(ctx, request{method: http.MethodGet, path: s.path(key), query: query, missing: ErrNotFound}, &o)
	return o.object(), err
}

// list asks for a page of 1000 when it is needed.
func (s *gcsService) list(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		query := url.Values{"prefix": {prefix}, "maxResults": {"1000"}, "fields": {"items(name,size,updated),nextPageToken"}}
		for {
			var page struct {
				Items         []gcsObject `json:"items"`
				NextPageToken string      `json:"nextPageToken"`
			}
			err := s.client.json(ctx, request{method: http.MethodGet, path: bucketPath(s.name) + "/o", query: query, missing: ErrNoBucket}, &page)
			if err != nil {
				yield(Object{}, err)
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

func (s *gcsService) remove(ctx context.Context, key string) error {
	return s.client.json(ctx, request{method: http.MethodDelete, path: s.path(key), missing: ErrNotFound}, nil)
}

func (s *gcsService) rest() { s.client.http.CloseIdleConnections() }

func (s *gcsService) refuse(string) error { return nil }

func (s *gcsService) sort(ctx context.Context, err error) error { return classify(ctx, err, kindOfGCS) }

func (s *gcsService) path(key string) string { return bucketPath(s.name) + "/o/" + url.PathEscape(key) }

func bucketPath(name string) string { return "/storage/v1/b/" + url.PathEscape(name) }
