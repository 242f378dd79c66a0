package store

import (
	"cmp"
	"strconv"
)

// OptionsFromEnv are the options that an environment gives, under the names of
// the original and of Amazon's tools. Whoever has the environment passes
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
	}
	if (o.Credentials.AccessKeyID == "") != (o.Credentials.SecretAccessKey == "") {
		return Options{}, invalid("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: only one of them is set")
	}
	if _, err := parseEndpoint(o.Endpoint, false); err != nil {
		return Options{}, err
	}
	// A bucket's name in front of the host needs a DNS that knows it, which
	// servers of one's own rarely have.
	const pathStyle = "AWS_ENABLE_PATH_STYLE_ACCESS"
	var err error
	if o.PathStyle, err = strconv.ParseBool(cmp.Or(get(pathStyle), strconv.FormatBool(o.Endpoint != ""))); err != nil {
		return Options{}, invalid("%s is %q, and neither true nor false", pathStyle, get(pathStyle))
	}
	return o, nil
}
