package store

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// gcsBatch is the most requests that Google takes in one.
const gcsBatch = 100

func (s *gcsService) batch() int { return gcsBatch }

// removeMany is one request, which has one for each key in it. Those have no
// credentials of their own: that of the whole holds for them.
func (s *gcsService) removeMany(ctx context.Context, keys []string) (map[string]error, error) {
	var message bytes.Buffer
	parts := multipart.NewWriter(&message)
	for i, key := range keys {
		w, err := parts.CreatePart(textproto.MIMEHeader{
			"Content-Type": {"application/http"}, "Content-Id": {"<" + strconv.Itoa(i) + ">"},
		})
		if err == nil {
			_, err = fmt.Fprintf(w, "DELETE %s HTTP/1.1\r\n\r\n", s.path(key))
		}
		if err != nil {
			return nil, err
		}
	}
	if err := parts.Close(); err != nil {
		return nil, err
	}
	answer, err := s.client.send(ctx, request{
		method: http.MethodPost, path: "/batch/storage/v1", contentType: "multipart/mixed; boundary=" + parts.Boundary(), body: message.Bytes(),
	})
	if err != nil {
		return nil, classify(ctx, err, kindOfGCS)
	}
	switch answer.StatusCode {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented: // of the path, not of an object
		if _, err := whole(answer); err != nil {
			return nil, classify(ctx, err, kindOfGCS)
		}
		return nil, errNoBatch
	}
	if answer.StatusCode >= http.StatusMultipleChoices {
		return nil, classify(ctx, answerError(answer, nil), kindOfGCS)
	}
	return s.removed(ctx, keys, answer)
}

// removed reads an answer that has one for each key in it.
func (s *gcsService) removed(ctx context.Context, keys []string, answer *http.Response) (map[string]error, error) {
	body, err := whole(answer)
	if err != nil {
		return nil, classify(ctx, err, kindOfGCS)
	}
	_, params, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return nil, asTransient("the answer has no parts") // a proxy's page, as a rule
	}
	failed := allFailed(keys, asTransient("the answer does not tell of it"))
	for parts := multipart.NewReader(bytes.NewReader(body), params["boundary"]); ; {
		part, err := parts.NextPart()
		if err != nil { // the last, or where it broke off: what it left out has failed
			return failed, nil //nolint:nilerr // failed tells it
		}
		id := strings.TrimPrefix(strings.Trim(part.Header.Get("Content-Id"), "<>"), "response-")
		at, err := strconv.Atoi(id)
		if err != nil || at < 0 || at >= len(keys) {
			return nil, asTransient("the answer is of no request")
		}
		one, err := io.ReadAll(part)
		if err != nil {
			continue
		}
		inner, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(one)), nil)
		switch {
		case err != nil:
		case inner.StatusCode >= http.StatusMultipleChoices:
			failed[keys[at]] = classify(ctx, answerError(inner, ErrNotFound), kindOfGCS)
		default:
			if err := inner.Body.Close(); err == nil {
				delete(failed, keys[at])
			}
		}
	}
}
