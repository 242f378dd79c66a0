package stores

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestS3KeepsWhatItIsGiven(t *testing.T) {
	t.Parallel()
	server := S3ForTest(t, "one", "two")
	client := server.Client()
	_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("one"), Key: aws.String("a/b"), Body: strings.NewReader("hello")})
	if err != nil {
		t.Fatal(err)
	}
	again, err := LoadS3(server.Dir)
	if err != nil || !again.Running() || again.Endpoint != server.Endpoint {
		t.Fatalf("the record is %+v, %v, want that of %+v", again, err, server)
	}
	if _, err := StartS3(t.Context(), S3Options{Dir: server.Dir}); !errors.Is(err, ErrRunning) {
		t.Errorf("a second server in the directory: %v, want ErrRunning", err)
	}
	if err := again.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if server.Running() {
		t.Error("it runs after Stop")
	}
	second, err := StartS3(t.Context(), S3Options{Dir: server.Dir, Buckets: []string{"one"}, DieWithParent: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := second.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	got, err := second.Client().GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("one"), Key: aws.String("a/b")})
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	if text, err := io.ReadAll(got.Body); err != nil || string(text) != "hello" {
		t.Errorf("read %q, %v", text, err)
	}
}

func TestThePinnedVersionIsRead(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "go.mod")
	if err := os.WriteFile(file, []byte("module x\n\nrequire (\n\texample.com/a/b v1.0.0\n\texample.com/a v1.2.3 // indirect\n)\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if v, err := pinned(file, "example.com/a"); err != nil || v != "v1.2.3" {
		t.Errorf("got %q, %v", v, err)
	}
	if _, err := pinned(file, "example.com/c"); err == nil {
		t.Error("a version was found that is not there")
	}
}

func TestGCSKeepsWhatItIsGiven(t *testing.T) {
	t.Parallel()
	server := GCSForTest(t, "one")
	again, err := LoadGCS(server.Dir)
	if err != nil || !again.Running() || again.Endpoint != server.Endpoint {
		t.Fatalf("the record is %+v, %v, want that of %+v", again, err, server)
	}
	if _, err := StartGCS(t.Context(), GCSOptions{Dir: server.Dir}); !errors.Is(err, ErrRunning) {
		t.Errorf("a second server in the directory: %v, want ErrRunning", err)
	}
	if err := server.CreateBucket(t.Context(), "one"); err != nil {
		t.Errorf("a bucket that is there: %v", err)
	}
	if err := again.Stop(t.Context()); err != nil || server.Running() {
		t.Errorf("it runs after Stop: %v", err)
	}
}

func TestAzureKeepsWhatItIsGiven(t *testing.T) {
	t.Parallel()
	server := AzureForTest(t, "one")
	client, err := server.Client()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.UploadBuffer(t.Context(), "one", "a/b", []byte("hello"), nil); err != nil {
		t.Fatal(err)
	}
	again, err := LoadAzure(server.Dir)
	if err != nil || !again.Running() || again.Endpoint != server.Endpoint {
		t.Fatalf("the record is %+v, %v, want that of %+v", again, err, server)
	}
	got, err := client.DownloadStream(t.Context(), "one", "a/b", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	if text, err := io.ReadAll(got.Body); err != nil || string(text) != "hello" {
		t.Errorf("read %q, %v", text, err)
	}
	if err := again.Stop(t.Context()); err != nil || server.Running() {
		t.Errorf("it runs after Stop: %v", err)
	}
}
