package controller

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/v1alpha1"
)

// The keys of a Secret, by the names that the original gave them.
const (
	keyAccessKeyID     = "awsaccesskeyid"
	keySecretAccessKey = "awssecretaccesskey"
	keySessionToken    = "awssessiontoken"
	keyRegion          = "awsregion"
	keyEndpoint        = "awsendpoint"
	keyGCP             = "gcp"
	keyAzureAccount    = "azurestorageaccount"
	keyAzureKey        = "azurestoragekey"
)

// checkCredentials finds out early whether the keys to the bucket are there.
func (r *reconciler) checkCredentials(ctx context.Context, s *scope) (ctrl.Result, error) {
	_, missing, err := r.credentials(ctx, s)
	if err != nil {
		return ctrl.Result{}, err
	}
	if missing != nil {
		return s.wait(later, missing.reason, "%s", missing.message)
	}
	return ctrl.Result{}, nil
}

// credentials reads the keys to the bucket; there are none where the sidecars
// have an identity of their own. It is not from the cache, which never holds a
// Secret.
func (r *reconciler) credentials(ctx context.Context, s *scope) (*rest.Credentials, *obstacle, error) {
	set := s.job.settings()
	scheme, _, _ := strings.Cut(string(set.location), "://")
	if set.secret == nil || scheme == schemeFile {
		return nil, nil, nil
	}
	if !r.sidecars.mayCarryCredentials() {
		return nil, &obstacle{
			v1alpha1.ReasonInsecureTransport,
			"the keys of Secret " + set.secret.Name + " would travel in plain HTTP: give the controller --sidecar-tls-ca, or --allow-credentials-over-http",
		}, nil
	}
	var secret corev1.Secret
	err := r.live.Get(ctx, client.ObjectKey{Namespace: s.job.object().GetNamespace(), Name: set.secret.Name}, &secret)
	switch {
	case apierrors.IsNotFound(err):
		return nil, &obstacle{v1alpha1.ReasonSecretNotFound, fmt.Sprintf(
			"there is no Secret %s in namespace %s; it goes on when there is", set.secret.Name, s.job.object().GetNamespace())}, nil
	case apierrors.IsForbidden(err):
		return nil, &obstacle{v1alpha1.ReasonSecretNotFound, fmt.Sprintf(
			"the controller may not read Secret %s; give its service account the right to get it", set.secret.Name)}, nil
	case err != nil:
		return nil, nil, fmt.Errorf("reading the Secret of the bucket: %w", err)
	}
	credentials, missing := credentialsOf(&secret, scheme)
	return credentials, missing, nil
}

// credentialsOf are those of the provider alone: a Secret may hold the keys of many.
func credentialsOf(secret *corev1.Secret, scheme string) (*rest.Credentials, *obstacle) {
	// Files that were made with an editor end in a line break.
	value := func(key string) string { return strings.TrimSpace(string(secret.Data[key])) }
	var needs []string
	var c rest.Credentials
	switch scheme {
	case "gcp", "gs":
		needs = []string{keyGCP}
		c.GCPKey = rest.Secret(value(keyGCP))
	case "azure":
		needs = []string{keyAzureAccount, keyAzureKey}
		c.AzureAccount, c.AzureKey = value(keyAzureAccount), rest.Secret(value(keyAzureKey))
	default: // servers of S3 have many names
		needs = []string{keyAccessKeyID, keySecretAccessKey}
		c = rest.Credentials{
			AccessKeyID: rest.Secret(value(keyAccessKeyID)), SecretAccessKey: rest.Secret(value(keySecretAccessKey)),
			SessionToken: rest.Secret(value(keySessionToken)), Region: value(keyRegion), Endpoint: value(keyEndpoint),
		}
	}
	for _, key := range needs {
		if value(key) == "" {
			return nil, &obstacle{v1alpha1.ReasonSecretKeyMissing, fmt.Sprintf(
				"Secret %s has no key %s, or an empty one; it goes on when it has", secret.Name, key)}
		}
	}
	return &c, nil
}
