package store

import (
	"cmp"
	"strconv"
	"strings"
)

// OptionsFromEnv are the options that an environment gives, under the names of
// the original and of the tools of the clouds (docs/stores.md lists them). Whoever has the environment passes
// os.LookupEnv.
func OptionsFromEnv(lookup func(string) (string, bool)) (Options, error) {
	get := func(names ...string) string {
		for _, name := range names {
			if v, ok := lookup(name); ok && v != "" {
				return v
			}
		}
		return ""
	}
	o := Options{
		Endpoint: get("AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
		Region:   get("AWS_REGION", "AWS_DEFAULT_REGION"),
		CAFile:   get("AWS_CA_BUNDLE"),
		KMSKeyID: get("AWS_KMS_KEY_ID"),
		Credentials: Credentials{
			AccessKeyID: get("AWS_ACCESS_KEY_ID"),
			// The second is how the original called it until 2.0.
			SecretAccessKey: Secret(get("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY")),
			SessionToken:    Secret(get("AWS_SESSION_TOKEN")),
		},
		FewerChecksums: get("AWS_REQUEST_CHECKSUM_CALCULATION") == "when_required",
		GCS:            gcsFromEnv(get),
		Objects: Objects{
			StorageClass: get("ICARUS_STORAGE_CLASS"), Encryption: get("ICARUS_SERVER_SIDE_ENCRYPTION"), Key: get("ICARUS_ENCRYPTION_KEY_NAME"),
		},
	}
	for pair := range strings.FieldsFuncSeq(get("ICARUS_OBJECT_TAGS"), func(r rune) bool { return r == ',' }) {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return Options{}, invalid("ICARUS_OBJECT_TAGS is not of the form name=value,name=value")
		}
		if o.Objects.Tags == nil {
			o.Objects.Tags = map[string]string{}
		}
		o.Objects.Tags[name] = value
	}
	if (o.Credentials.AccessKeyID == "") != (o.Credentials.SecretAccessKey == "") {
		return Options{}, invalid("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: only one of them is set")
	}
	for _, endpoint := range []string{o.Endpoint, o.GCS.Endpoint} {
		if _, err := parseEndpoint(endpoint, false); err != nil {
			return Options{}, err
		}
	}
	// A bucket's name in front of the host needs a DNS that knows it, which
	// servers of one's own rarely have.
	const pathStyle = "AWS_ENABLE_PATH_STYLE_ACCESS"
	var err error
	if o.Azure, err = azureFromEnv(get); err != nil {
		return Options{}, err
	}
	if o.PathStyle, err = strconv.ParseBool(cmp.Or(get(pathStyle), strconv.FormatBool(o.Endpoint != ""))); err != nil {
		return Options{}, invalid("%s is %q, and neither true nor false", pathStyle, get(pathStyle))
	}
	return o, nil
}

func gcsFromEnv(get func(...string) string) GCSOptions {
	o := GCSOptions{
		Endpoint: get("CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE"),
		KeyFile:  get("GOOGLE_APPLICATION_CREDENTIALS"),
		Project:  get("GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"),
	}
	// An emulator speaks HTTP, and asks nobody who they are.
	if emulator := get("STORAGE_EMULATOR_HOST"); emulator != "" {
		if !strings.Contains(emulator, "://") {
			emulator = "http://" + emulator
		}
		o.Endpoint, o.Anonymous = emulator, true
	}
	return o
}

func azureFromEnv(get func(...string) string) (AzureOptions, error) {
	o := AzureOptions{
		Account:               get("AZURE_STORAGE_ACCOUNT"),
		Key:                   Secret(get("AZURE_STORAGE_KEY")),
		ConnectionString:      Secret(get("AZURE_STORAGE_CONNECTION_STRING")),
		SharedAccessSignature: Secret(get("AZURE_STORAGE_SAS_TOKEN")),
		Endpoint:              get("AZURE_STORAGE_SERVICE_ENDPOINT"),
		Domain:                get("AZURE_STORAGE_DOMAIN"),
	}
	if o.ConnectionString != "" && (o.Key != "" || o.SharedAccessSignature != "") {
		return o, invalid("AZURE_STORAGE_CONNECTION_STRING is set, and AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN too")
	}
	if o.Key != "" && o.Account == "" {
		return o, invalid("AZURE_STORAGE_KEY is set, and AZURE_STORAGE_ACCOUNT is not")
	}
	_, err := parseEndpoint(o.Endpoint, false)
	return o, err
}
