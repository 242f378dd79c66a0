package store

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// azureDomain is where the accounts are hosts.
const azureDomain = "blob.core.windows.net"

func newAzureClient(name string, o Options) (*container.Client, *http.Client, error) {
	h, err := newHTTPClient(o)
	if err != nil {
		return nil, nil, err
	}
	settings := &container.ClientOptions{ClientOptions: policy.ClientOptions{
		Transport: h,
		Retry:     policy.RetryOptions{MaxRetries: -1}, // the retrier is the one that tries again
	}}
	client, err := azureAs(name, o, settings)
	return client, h, err
}

// azureAs is a client in the name of whom the options say.
func azureAs(name string, o Options, settings *container.ClientOptions) (*container.Client, error) {
	a := o.Azure
	if a.ConnectionString != "" {
		client, err := container.NewClientFromConnectionString(a.ConnectionString.Reveal(), name, settings)
		if err != nil { // not told: it may quote the key
			return nil, invalid("the connection string of Azure cannot be used; its form is DefaultEndpointsProtocol=https;AccountName=...;AccountKey=...")
		}
		return client, nil
	}
	service, err := azureAccount(o)
	if err != nil {
		return nil, err
	}
	target := service + "/" + name
	if a.Key != "" {
		account, err := azblob.NewSharedKeyCredential(a.Account, a.Key.Reveal())
		if err != nil || a.Account == "" {
			return nil, invalid("the key of the Azure account %q is not in base64, or the account has no name", a.Account)
		}
		return container.NewClientWithSharedKeyCredential(target, account, settings)
	}
	if a.SharedAccessSignature != "" {
		signature := strings.TrimPrefix(a.SharedAccessSignature.Reveal(), "?")
		if _, err := url.ParseQuery(signature); err != nil {
			return nil, invalid("the shared access signature of Azure is not of the form sv=...&sig=...")
		}
		return container.NewClientWithNoCredential(target+"?"+signature, settings)
	}
	// Identities have an HTTP client of their own: the proxy of the store is not
	// for the services of the machine that give out tokens.
	tokens, err := newHTTPClient(Options{CAFile: o.CAFile, CABundle: o.CABundle})
	if err != nil {
		return nil, err
	}
	tokens.Timeout = tokenTimeout
	identity, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
		ClientOptions: azcore.ClientOptions{Transport: tokens, Retry: policy.RetryOptions{MaxRetries: -1}},
	})
	if err != nil {
		return nil, invalid("reading the configuration of Azure: %w", err)
	}
	return container.NewClient(target, identity, settings)
}

// azureAccount is the URL that the containers are below.
func azureAccount(o Options) (string, error) {
	a := o.Azure
	if a.Endpoint == "" && a.Account == "" {
		return "", invalid("no account is configured for Azure; set AZURE_STORAGE_ACCOUNT")
	}
	service, err := parseEndpoint(cmp.Or(a.Endpoint, a.Account+"."+cmp.Or(a.Domain, azureDomain)), o.Insecure)
	return strings.TrimSuffix(service, "/"), err
}
