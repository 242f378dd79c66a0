package stores

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/icarus-sidecar/icarus/hack/process"
)

// The account of the Azure server, which every Azurite knows.
const (
	AzureAccount = "devstoreaccount1"
	AzureKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// AzureOptions describe a server.
type AzureOptions struct {
	// Dir holds its objects and log; $ICARUS_CACHE/run/azure by default.
	Dir string
	// Port is where it listens at 127.0.0.1; a free one if 0.
	Port int
	// Containers are made at the start, if they are not there.
	Containers []string
	// DieWithParent ends the server with this process.
	DieWithParent bool
	// Output is where progress is told. Nil is nowhere.
	Output io.Writer
}

// Azure is a server that speaks the API of Azure Blob Storage (Azurite), and that
// runs, or ran.
type Azure struct{ server }

// An empty path is refused, which is an answer too.
var azureKind = kind{name: "Azure", record: "azure.json", log: "azurite.log", health: "/"}

// StartAzure starts a server on the objects that the directory holds.
func StartAzure(ctx context.Context, o AzureOptions) (*Azure, error) {
	if o.Output == nil {
		o.Output = io.Discard
	}
	s := &Azure{}
	if err := s.prepare(azureKind, o.Dir); err != nil {
		return nil, err
	}
	node, program, err := FetchAzurite(ctx, o.Output)
	if err != nil {
		return nil, err
	}
	err = s.start(ctx, o.Port, func(address string) (process.Command, error) {
		host, port, err := net.SplitHostPort(address)
		return process.Command{
			Path: node, DieWithParent: o.DieWithParent,
			Args: []string{
				program, "--blobHost", host, "--blobPort", port, "--location", s.objects(), "--silent", "--disableTelemetry",
				// It is older than the client, which speaks what it knows all the same.
				"--skipApiVersionCheck",
			},
		}, err
	})
	if err != nil {
		return nil, err
	}
	for _, name := range o.Containers {
		if err := s.CreateContainer(ctx, name); err != nil {
			return nil, errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
		}
	}
	return s, nil
}

// LoadAzure returns the server of a directory, whether it runs or not.
func LoadAzure(dir string) (*Azure, error) {
	s := &Azure{}
	if err := s.load(azureKind, dir); err != nil {
		return nil, err
	}
	return s, nil
}

// ServiceURL is the endpoint with the account in it.
func (s *Azure) ServiceURL() string { return s.Endpoint + "/" + AzureAccount }

// Environment is what Azure's tools and SDKs read, as KEY=value.
func (s *Azure) Environment() []string {
	return []string{
		"AZURE_STORAGE_ACCOUNT=" + AzureAccount, "AZURE_STORAGE_KEY=" + AzureKey, "AZURE_STORAGE_SERVICE_ENDPOINT=" + s.ServiceURL(),
	}
}

// Client is a client of the server, for what a test does behind our back.
func (s *Azure) Client() (*azblob.Client, error) {
	account, err := azblob.NewSharedKeyCredential(AzureAccount, AzureKey)
	if err != nil {
		return nil, fmt.Errorf("reading the key of the Azure server: %w", err)
	}
	return azblob.NewClientWithSharedKeyCredential(s.ServiceURL(), account, nil)
}

// CreateContainer makes a container, if it is not there.
func (s *Azure) CreateContainer(ctx context.Context, name string) error {
	client, err := s.Client()
	if err != nil {
		return err
	}
	if _, err := client.CreateContainer(ctx, name, nil); err != nil && !bloberror.HasCode(err, bloberror.ContainerAlreadyExists) {
		return fmt.Errorf("creating container %s: %w", name, err)
	}
	return nil
}

// azuriteMain is the program of the blobs in the package.
func azuriteMain(dir string) string {
	return filepath.Join(dir, "node_modules", "azurite", "dist", "src", "blob", "main.js")
}
