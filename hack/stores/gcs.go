package stores

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/icarus-sidecar/icarus/hack/process"
)

// Project is whose buckets a GCS server makes; it does not care.
const Project = "icarus"

// GCSOptions describe a server.
type GCSOptions struct {
	// Dir holds its objects and log; $ICARUS_CACHE/run/gcs by default.
	Dir string
	// Port is where it listens at 127.0.0.1; a free one if 0.
	Port int
	// Buckets are made at the start, if they are not there.
	Buckets []string
	// DieWithParent ends the server with this process.
	DieWithParent bool
	// Output is where progress is told. Nil is nowhere.
	Output io.Writer
}

// GCS is a server that speaks the API of Google Cloud Storage, and that runs, or
// ran. It asks nobody who they are.
type GCS struct{ server }

var gcsKind = kind{name: "GCS", record: "gcs.json", log: "fake-gcs-server.log", health: "/_internal/healthcheck"}

// StartGCS starts a server on the objects that the directory holds.
func StartGCS(ctx context.Context, o GCSOptions) (*GCS, error) {
	if o.Output == nil {
		o.Output = io.Discard
	}
	s := &GCS{}
	if err := s.prepare(gcsKind, o.Dir); err != nil {
		return nil, err
	}
	program, err := BuildGCS(ctx, o.Output)
	if err != nil {
		return nil, err
	}
	err = s.start(ctx, o.Port, func(address string) (process.Command, error) {
		host, port, err := net.SplitHostPort(address)
		return process.Command{
			Path: program, DieWithParent: o.DieWithParent,
			Args: []string{
				"-scheme", "http", "-host", host, "-port", port, "-public-host", address, "-log-level", "warn",
				"-backend", "filesystem", "-filesystem-root", s.objects(),
			},
		}, err
	})
	if err != nil {
		return nil, err
	}
	for _, b := range o.Buckets {
		if err := s.CreateBucket(ctx, b); err != nil {
			return nil, fmt.Errorf("%w, and stopping it: %w", err, s.Stop(context.WithoutCancel(ctx)))
		}
	}
	return s, nil
}

// LoadGCS returns the server of a directory, whether it runs or not.
func LoadGCS(dir string) (*GCS, error) {
	s := &GCS{}
	if err := s.load(gcsKind, dir); err != nil {
		return nil, err
	}
	return s, nil
}

// Environment is what Google's tools and SDKs read, as KEY=value.
func (s *GCS) Environment() []string {
	return []string{"STORAGE_EMULATOR_HOST=" + s.Endpoint, "GOOGLE_CLOUD_PROJECT=" + Project}
}

// CreateBucket makes a bucket, if it is not there.
func (s *GCS) CreateBucket(ctx context.Context, name string) error {
	body, err := json.Marshal(map[string]string{"name": name})
	if err != nil {
		return fmt.Errorf("creating bucket %s: %w", name, err)
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Endpoint+"/storage/v1/b?project="+Project, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("creating bucket %s: %w", name, err)
	}
	q.Header.Set("Content-Type", "application/json")
	q.Close = true
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		return fmt.Errorf("creating bucket %s: %w", name, err)
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK && a.StatusCode != http.StatusConflict {
		return fmt.Errorf("creating bucket %s: the server answers %s", name, a.Status)
	}
	return nil
}
