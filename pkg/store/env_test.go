package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/store"
)

func environment(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

func TestOptionsFromEnv(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  map[string]string
		want store.Options
	}{
		"nothing is Amazon's": {nil, store.Options{}},
		"an account of Amazon's": {
			map[string]string{"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token", "AWS_DEFAULT_REGION": "eu-west-1"},
			store.Options{Region: "eu-west-1", Credentials: store.Credentials{AccessKeyID: "key", SecretAccessKey: "secret", SessionToken: "token"}},
		},
		"a server with the names of the original": {
			map[string]string{"AWS_ENDPOINT": "http://minio:9000", "AWS_REGION": "r", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_KEY": "secret"},
			store.Options{Endpoint: "http://minio:9000", Region: "r", PathStyle: true, Credentials: store.Credentials{AccessKeyID: "key", SecretAccessKey: "secret"}},
		},
		"a server with the names of Amazon's tools": {
			map[string]string{"AWS_ENDPOINT_URL": "http://all", "AWS_ENDPOINT_URL_S3": "http://s3", "AWS_CA_BUNDLE": "/ca.pem", "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required"},
			store.Options{Endpoint: "http://s3", PathStyle: true, CAFile: "/ca.pem", FewerChecksums: true},
		},
		"names before the host": {
			map[string]string{"AWS_ENDPOINT": "s3.example.org:443", "AWS_ENABLE_PATH_STYLE_ACCESS": "false", "AWS_KMS_KEY_ID": "alias/k"},
			store.Options{Endpoint: "s3.example.org:443", KMSKeyID: "alias/k"},
		},
		"how objects are kept": {
			map[string]string{"ICARUS_STORAGE_CLASS": "STANDARD_IA", "ICARUS_SERVER_SIDE_ENCRYPTION": "aws:kms", "ICARUS_ENCRYPTION_KEY_NAME": "alias/k", "ICARUS_OBJECT_TAGS": "a=b,c=d=e"},
			store.Options{Objects: store.Objects{StorageClass: "STANDARD_IA", Encryption: "aws:kms", Key: "alias/k", Tags: map[string]string{"a": "b", "c": "d=e"}}},
		},
		"an account of Google's": {
			map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": "/key.json", "GOOGLE_CLOUD_PROJECT": "p", "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": "https://storage-x.p.googleapis.com"},
			store.Options{GCS: store.GCSOptions{KeyFile: "/key.json", Project: "p", Endpoint: "https://storage-x.p.googleapis.com"}},
		},
		"an emulator of Google's": {
			map[string]string{"STORAGE_EMULATOR_HOST": "127.0.0.1:4443"},
			store.Options{GCS: store.GCSOptions{Endpoint: "http://127.0.0.1:4443", Anonymous: true}},
		},
		"an account of Azure's": {
			map[string]string{"AZURE_STORAGE_ACCOUNT": "a", "AZURE_STORAGE_KEY": "a2V5", "AZURE_STORAGE_DOMAIN": "blob.core.chinacloudapi.cn"},
			store.Options{Azure: store.AzureOptions{Account: "a", Key: "a2V5", Domain: "blob.core.chinacloudapi.cn"}},
		},
		"a signature of Azure's at a server": {
			map[string]string{"AZURE_STORAGE_SAS_TOKEN": "sv=1&sig=x", "AZURE_STORAGE_SERVICE_ENDPOINT": "http://127.0.0.1:10000/devstoreaccount1"},
			store.Options{Azure: store.AzureOptions{SharedAccessSignature: "sv=1&sig=x", Endpoint: "http://127.0.0.1:10000/devstoreaccount1"}},
		},
		"a connection string of Azure's": {
			map[string]string{"AZURE_STORAGE_CONNECTION_STRING": "AccountName=a;AccountKey=a2V5", "AZURE_STORAGE_ACCOUNT": "a"},
			store.Options{Azure: store.AzureOptions{Account: "a", ConnectionString: "AccountName=a;AccountKey=a2V5"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := store.OptionsFromEnv(environment(c.env))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestOptionsFromEnvRefuses(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]map[string]string{
		"half an account":              {"AWS_ACCESS_KEY_ID": "key"},
		"the other half":               {"AWS_SECRET_ACCESS_KEY": "hunter2"},
		"an endpoint with a password":  {"AWS_ENDPOINT": "https://key:hunter2@host"},
		"an endpoint of another kind":  {"AWS_ENDPOINT": "ftp://host"},
		"an endpoint that is no URL":   {"AWS_ENDPOINT": "http://hunter2:pass word@%zz"},
		"two of Azure's accounts":      {"AZURE_STORAGE_CONNECTION_STRING": "AccountKey=hunter2", "AZURE_STORAGE_KEY": "hunter2", "AZURE_STORAGE_ACCOUNT": "a"},
		"a key of no account":          {"AZURE_STORAGE_KEY": "hunter2"},
		"Azure's with a password":      {"AZURE_STORAGE_SERVICE_ENDPOINT": "https://a:hunter2@host"},
		"Google's with a password":     {"STORAGE_EMULATOR_HOST": "https://a:hunter2@host"},
		"a tag without a value":        {"ICARUS_OBJECT_TAGS": "hunter2"},
		"a word that is neither truth": {"AWS_ENABLE_PATH_STYLE_ACCESS": "perhaps"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := store.OptionsFromEnv(environment(env))
			if !errors.Is(err, store.ErrInvalid) || strings.Contains(err.Error(), "hunter2") {
				t.Error(err)
			}
		})
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	o := store.Options{
		Credentials: store.Credentials{AccessKeyID: "key", SecretAccessKey: "hunter2", SessionToken: "hunter3"},
		GCS:         store.GCSOptions{Key: "hunter4"},
		Azure:       store.AzureOptions{Key: "hunter5", ConnectionString: "hunter6", SharedAccessSignature: "hunter7"},
	}
	encoded, err := json.Marshal(o.Credentials)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(o), fmt.Sprintf("%+v", o), fmt.Sprintf("%#v", o), fmt.Sprintf("%q", o.Credentials), string(encoded), o.Credentials.SecretAccessKey.LogValue().String()} {
		if strings.Contains(text, "hunter") {
			t.Error(text)
		}
	}
}
