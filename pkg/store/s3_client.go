package store

import (
	"context"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
)

// defaultRegion is what servers that are not Amazon's call theirs.
const defaultRegion = "us-east-1"

func newS3Client(ctx context.Context, o Options) (*s3.Client, *http.Client, error) {
	endpoint, err := parseEndpoint(o.Endpoint, o.Insecure)
	if err != nil {
		return nil, nil, err
	}
	if o.Region == "" && endpoint != "" {
		o.Region = defaultRegion
	}
	account, err := accountOf(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	if account.Region == "" {
		return nil, nil, invalid("no region is configured for S3; set AWS_REGION")
	}
	h, err := newHTTPClient(o)
	if err != nil {
		return nil, nil, err
	}
	return s3.NewFromConfig(account, func(so *s3.Options) {
		if endpoint != "" {
			so.BaseEndpoint = aws.String(endpoint)
		}
		so.UsePathStyle = o.PathStyle
		so.EndpointOptions.DisableHTTPS = o.Insecure && endpoint == ""
		so.HTTPClient = h
		so.Retryer = aws.NopRetryer{} // the retrier is the one that tries again
		so.RetryMaxAttempts = 0
		so.Logger = logging.Nop{} // it would write to the standard error
		// Objects in parts have no checksum of the whole; the SDK would log that
		// for each.
		so.DisableLogOutputChecksumValidationSkipped = true
		so.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenSupported
		so.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenSupported
		if o.FewerChecksums {
			so.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
			so.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		}
	}), h, nil
}

// accountOf is who we are and where: what the options say, else what the SDK
// finds. It does not use our HTTP client, whose proxy is not for the services of
// the machine that give out credentials.
func accountOf(ctx context.Context, o Options) (aws.Config, error) {
	if c := o.Credentials; c.AccessKeyID != "" {
		provider := credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey.Reveal(), c.SessionToken.Reveal())
		return aws.Config{Region: o.Region, Credentials: aws.NewCredentialsCache(provider)}, nil
	}
	found, err := config.LoadDefaultConfig(ctx, config.WithRegion(o.Region))
	if err != nil {
		return aws.Config{}, invalid("reading the configuration of AWS: %w", err)
	}
	return found, nil
}
