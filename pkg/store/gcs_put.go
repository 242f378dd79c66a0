package store

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
)

// ifAbsent is the condition of a write that must find its key free; GCS looks at
// it when the object would appear.
const ifAbsent = "ifGenerationMatch"

// statusIncomplete is what an upload that is not complete answers to a chunk.
const statusIncomplete = http.StatusPermanentRedirect

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// send is one request with the object and its checksum, which GCS compares.
func (s *gcsService) send(ctx context.Context, key string, body []byte, w write) error {
	about, err := json.Marshal(s.about(key, w.class, encodeCRC(crc32.Checksum(body, castagnoli))))
	if err != nil {
		return err
	}
	var message bytes.Buffer
	message.Grow(len(body) + len(about) + 512)
	parts := multipart.NewWriter(&message)
	for _, part := range []struct {
		contentType string
		body        []byte
	}{{jsonType, about}, {contentType, body}} {
		w, err := parts.CreatePart(textproto.MIMEHeader{"Content-Type": {part.contentType}})
		if err == nil {
			_, err = w.Write(part.body)
		}
		if err != nil {
			return err
		}
	}
	if err := parts.Close(); err != nil {
		return err
	}
	query := url.Values{"uploadType": {"multipart"}, "fields": {"name"}}
	s.encrypt(query)
	if w.onlyIfAbsent {
		query.Set(ifAbsent, "0")
	}
	var stored gcsObject
	err = s.client.json(ctx, request{
		method: http.MethodPost, path: s.uploadPath(), query: query,
		contentType: "multipart/related; boundary=" + parts.Boundary(), body: message.Bytes(), missing: ErrNoBucket,
	}, &stored)
	if err == nil && stored.Name != key {
		err = asTransient("the answer is not of this object")
	}
	return err
}

// sendLarge sends an object in chunks, one after the other, as GCS wants it.
// Nothing is seen of it before the last one.
func (s *gcsService) sendLarge(ctx context.Context, key string, size int64, body io.Reader) error {
	session, err := s.begin(ctx, key, size)
	if err != nil {
		return err
	}
	done, sum, err := s.sendChunks(ctx, key, session, size, body)
	if err != nil {
		err = errors.Join(err, s.abort(ctx, key, session))
		if errors.Is(err, errNoUpload) {
			// GCS lost it, and wants everything anew.
			return fmt.Errorf("%w: %v", ErrTransient, err) //nolint:errorlint // it is not ErrNotFound for the caller
		}
		return err
	}
	if done == nil { // the answer got lost, and what is there has the right size
		return nil
	}
	return s.verify(ctx, key, size, sum, *done)
}

// begin starts an upload. One whose id gets lost costs nothing: it has no bytes.
func (s *gcsService) begin(ctx context.Context, key string, size int64) (session string, err error) {
	about, err := json.Marshal(s.about(key, s.keep.StorageClass, ""))
	if err != nil {
		return "", err
	}
	query := url.Values{"uploadType": {"resumable"}, "fields": {objectFields}, ifAbsent: {"0"}}
	s.encrypt(query)
	err = s.retry.do(ctx, func() error {
		answer, err := s.client.do(ctx, request{
			method: http.MethodPost, path: s.uploadPath(), contentType: jsonType, body: about, missing: ErrNoBucket, query: query,
			header: http.Header{
				"X-Upload-Content-Type": {contentType}, "X-Upload-Content-Length": {strconv.FormatInt(size, 10)},
			},
		})
		if err != nil {
			return err
		}
		session = answer.Header.Get("Location")
		if _, err := whole(answer); err != nil {
			return classify(ctx, err, kindOfGCS)
		}
		if session == "" {
			return fmt.Errorf("%w: the upload has no address", ErrTransient)
		}
		return nil
	})
	return session, err
}

// sendChunks sends the chunks, and returns what GCS says of the object and the
// checksum of what was sent.
func (s *gcsService) sendChunks(ctx context.Context, key, session string, size int64, body io.Reader) (done *gcsObject, sum uint32, err error) {
	buffer, release, err := s.buffers.take(ctx, s.buffers.partSize)
	defer release()
	if err != nil {
		return nil, 0, err
	}
	for at := int64(0); at < size; {
		chunk := buffer[:min(s.buffers.partSize, size-at)]
		if err := readPart(body, chunk, at+int64(len(chunk)) == size); err != nil {
			return nil, 0, err
		}
		sum = crc32.Update(sum, castagnoli, chunk)
		if done, err = s.sendChunk(ctx, key, session, chunk, at, size); err != nil {
			return nil, 0, err
		}
		at += int64(len(chunk))
	}
	return done, sum, nil
}

// sendChunk sends a chunk until it is stored. If the answer to the last one got
// lost, the next attempt may find the object in its own way.
func (s *gcsService) sendChunk(ctx context.Context, key, session string, chunk []byte, at, size int64) (done *gcsObject, err error) {
	last := at+int64(len(chunk)) == size
	sent, maybeDone := 0, false
	err = s.retry.do(ctx, func() error {
		for sent < len(chunk) {
			stored, object, err := s.sendRange(ctx, session, chunk[sent:], at+int64(sent), size)
			if last && maybeDone && (errors.Is(err, ErrExists) || errors.Is(err, errNoUpload)) {
				return claim(err, func() (bool, error) { return hasSize(ctx, s.stat, key, size) })
			}
			maybeDone = maybeDone || mayHaveHappened(err)
			switch {
			case err != nil:
				return err
			case object != nil:
				done = object
				return nil
			case stored <= at+int64(sent), last && stored >= size:
				return fmt.Errorf("%w: of the chunk at %d nothing was stored", ErrTransient, at+int64(sent))
			}
			sent = int(min(stored-at, int64(len(chunk))))
		}
		return nil
	})
	return done, err
}

// sendRange sends bytes once. GCS stores all of them or a part, and says how many
// it has; it passes over what it has already. After the last it tells the object.
func (s *gcsService) sendRange(ctx context.Context, session string, bytes []byte, at, size int64) (stored int64, done *gcsObject, err error) {
	answer, err := s.client.send(ctx, request{
		method: http.MethodPut, url: session, contentType: contentType, body: bytes,
		header: http.Header{"Content-Range": {fmt.Sprintf("bytes %d-%d/%d", at, at+int64(len(bytes))-1, size)}},
	})
	if err != nil {
		return 0, nil, classify(ctx, err, kindOfGCS)
	}
	switch {
	case answer.StatusCode == statusIncomplete:
		_, err := whole(answer)
		return persisted(answer.Header.Get("Range")), nil, classify(ctx, err, kindOfGCS)
	case answer.StatusCode >= http.StatusMultipleChoices:
		return 0, nil, classify(ctx, answerError(answer, errNoUpload), kindOfGCS)
	}
	text, err := whole(answer)
	if err != nil {
		return 0, nil, classify(ctx, err, kindOfGCS)
	}
	done = &gcsObject{}
	if err := json.Unmarshal(text, done); err != nil {
		return 0, nil, fmt.Errorf("%w: the answer is no JSON: %w", ErrTransient, err)
	}
	return size, done, nil
}

// persisted is how many bytes "bytes=0-N" says are there.
func persisted(header string) int64 {
	_, last, ok := strings.Cut(header, "-")
	n, err := strconv.ParseInt(last, 10, 64)
	if !ok || err != nil {
		return 0
	}
	return n + 1
}

// verify compares what GCS has with what was sent: the checksum of an object in
// chunks is known only when they are sent.
func (s *gcsService) verify(ctx context.Context, key string, size int64, sum uint32, o gcsObject) error {
	if o.Size == size && (o.CRC32C == "" || o.CRC32C == encodeCRC(sum)) {
		return nil
	}
	err := fmt.Errorf("%w: it was damaged on the way, and is deleted", ErrTransient)
	ctx, cancel := cleanup(ctx)
	defer cancel()
	gone := s.client.json(ctx, request{
		method: http.MethodDelete, path: s.path(key), query: url.Values{ifAbsent: {o.Generation}}, missing: ErrNotFound,
	}, nil)
	if gone != nil {
		return fmt.Errorf("%w: it was damaged on the way, and deleting it: %w", ErrCorrupt, gone)
	}
	return err
}

// abort frees the chunks of an upload, also and above all after ctx has ended.
func (s *gcsService) abort(ctx context.Context, key, session string) error {
	ctx, cancel := cleanup(ctx)
	defer cancel()
	err := s.retry.do(ctx, func() error {
		answer, err := s.client.send(ctx, request{method: http.MethodDelete, url: session})
		if err != nil {
			return classify(ctx, err, kindOfGCS)
		}
		// 499 is what GCS answers when it has done so.
		if answer.StatusCode < http.StatusInternalServerError && answer.StatusCode != http.StatusTooManyRequests {
			_, err := whole(answer)
			return classify(ctx, err, kindOfGCS)
		}
		return classify(ctx, answerError(answer, nil), kindOfGCS)
	})
	if err != nil {
		return &leftoverError{key, err}
	}
	return nil
}

// gcsAbout is what is told of an object with its bytes.
type gcsAbout struct {
	Name         string            `json:"name"`
	ContentType  string            `json:"contentType"`
	CRC32C       string            `json:"crc32c,omitempty"`
	StorageClass string            `json:"storageClass,omitempty"`
	Metadata     map[string]string `json:"metadata,omitempty"`
}

func (s *gcsService) about(key, class, crc string) gcsAbout {
	return gcsAbout{Name: key, ContentType: contentType, CRC32C: crc, StorageClass: strings.ToUpper(class), Metadata: s.keep.Tags}
}

// encrypt names the key, where there is one.
func (s *gcsService) encrypt(query url.Values) {
	if s.keep.Key != "" {
		query.Set("kmsKeyName", s.keep.Key)
	}
}

func (s *gcsService) uploadPath() string { return "/upload" + bucketPath(s.name) + "/o" }

// encodeCRC is how the API writes a checksum.
func encodeCRC(sum uint32) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
}
