// Command floor moves with the least that can be done: one request of net/http a
// file, signed, and SHA-256 of the bytes on their way. It tries nothing again,
// overwrites, and leaves syncing to the kernel, unless it is asked to sync: then
// it is the floor of a download that survives a crash.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/icarus-sidecar/icarus/hack/bench/mover"
)

// bufferSize is that of pkg/transfer.
const bufferSize = 256 << 10

const unsigned = "UNSIGNED-PAYLOAD"

func main() { mover.Main(move) }

type floor struct {
	mover.Job
	client *http.Client
	signer *v4.Signer
	sums   map[string]string
}

func move(ctx context.Context, j mover.Job) (err error) {
	m := floor{Job: j, signer: v4.NewSigner(), client: &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: j.Parallel, DisableCompression: true, WriteBufferSize: bufferSize, ReadBufferSize: bufferSize,
	}}}
	if m.sums, err = j.Sums(); err != nil {
		return err
	}
	if j.Up {
		return j.Each(ctx, m.upload)
	}
	return j.Each(ctx, m.download)
}

func (m *floor) upload(ctx context.Context, f mover.File) error {
	file, err := os.Open(f.Path)
	if err != nil {
		return err
	}
	defer file.Close()
	h := sha256.New()
	body := io.TeeReader(file, h)
	if m.Endpoint == "" {
		err = m.write(filepath.Join(m.Root, m.Bucket, f.Key), body)
	} else {
		var a *http.Response
		if a, err = m.ask(ctx, http.MethodPut, f, body); err == nil {
			err = a.Body.Close()
		}
	}
	return errors.Join(err, m.check(f, h.Sum(nil)))
}

func (m *floor) download(ctx context.Context, f mover.File) error {
	source, err := m.source(ctx, f)
	if err != nil {
		return err
	}
	defer source.Close()
	h := sha256.New()
	if err := m.write(f.Path, io.TeeReader(source, h)); err != nil {
		return err
	}
	return m.check(f, h.Sum(nil))
}

func (m *floor) source(ctx context.Context, f mover.File) (io.ReadCloser, error) {
	if m.Endpoint == "" {
		return os.Open(filepath.Join(m.Root, m.Bucket, f.Key))
	}
	a, err := m.ask(ctx, http.MethodGet, f, http.NoBody)
	if err != nil {
		return nil, err
	}
	return a.Body, nil
}

func (m *floor) ask(ctx context.Context, method string, f mover.File, body io.Reader) (*http.Response, error) {
	q, err := http.NewRequestWithContext(ctx, method, "http://"+m.Endpoint+"/"+m.Bucket+"/"+f.Key, body)
	if err != nil {
		return nil, err
	}
	if method == http.MethodPut {
		q.ContentLength = f.Size
		if f.Size == 0 {
			q.Body = http.NoBody
		}
	}
	q.Header.Set("X-Amz-Content-Sha256", unsigned)
	account := aws.Credentials{AccessKeyID: mover.AccessKey, SecretAccessKey: mover.SecretKey}
	if err := m.signer.SignHTTP(ctx, account, q, unsigned, "s3", mover.Region, time.Now()); err != nil {
		return nil, err
	}
	a, err := m.client.Do(q)
	if err != nil {
		return nil, err
	}
	if a.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(a.Body, 1<<10)) // the status says it without
		return nil, errors.Join(fmt.Errorf("the server answered %s: %s", a.Status, text), a.Body.Close())
	}
	return a, nil
}

// write is a file of what a reader has.
func (m *floor) write(path string, r io.Reader) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	// Without the wrapper io.CopyBuffer would take the file's own, smaller pieces.
	if _, err := io.CopyBuffer(struct{ io.Writer }{file}, r, make([]byte, bufferSize)); err != nil {
		return err
	}
	if m.Sync {
		return file.Sync()
	}
	return nil
}

func (m *floor) check(f mover.File, sum []byte) error {
	if got := hex.EncodeToString(sum); got != m.sums[filepath.ToSlash(f.Name)] {
		return fmt.Errorf("%s has SHA-256 %s", f.Name, got)
	}
	return nil
}
