package secret

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// accountDir is where Kubernetes puts what a pod needs to reach the API server.
	accountDir = "/var/run/secrets/kubernetes.io/serviceaccount"
	// patience is for one object of 1 MiB at most, from the pod's own cluster.
	patience = 15 * time.Second
	// maxBytes is that of 1 MiB in Base64, with room for what is around it.
	maxBytes = 3 << 20
)

// Pod is the way of a pod to its API server. The zero value has none.
type Pod struct {
	// Host and Port are those of the API server.
	Host, Port string
	// AccountDir has the files token, ca.crt and namespace; "" is where Kubernetes
	// puts them.
	AccountDir string
}

// FromEnv is the pod that this process runs in.
func FromEnv(lookup func(name string) (string, bool)) Pod {
	host, _ := lookup("KUBERNETES_SERVICE_HOST")
	port, _ := lookup("KUBERNETES_SERVICE_PORT")
	return Pod{Host: host, Port: port}
}

// Get reads a Secret that requests may name.
func (r Reader) Get(ctx context.Context, n Name) (Values, error) {
	n, err := r.Resolve(n)
	if err != nil {
		return Values{}, err
	}
	v, err := r.Pod.get(ctx, n)
	if err != nil {
		return Values{}, fmt.Errorf("reading Secret %s: %w", n, err)
	}
	return v, nil
}

func (p Pod) get(ctx context.Context, n Name) (Values, error) {
	if p.Host == "" || p.Port == "" {
		return Values{}, fmt.Errorf("%w: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set", ErrNotInPod)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	token, err := p.file("token")
	if err != nil {
		return Values{}, err
	}
	client, err := p.client()
	if err != nil {
		return Values{}, err
	}
	defer client.CloseIdleConnections()
	at := url.URL{
		Scheme: "https", Host: net.JoinHostPort(p.Host, p.Port),
		Path: "/api/v1/namespaces/" + n.Namespace + "/secrets/" + n.Name,
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return Values{}, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json")
	answer, err := client.Do(req)
	if err != nil {
		return Values{}, fmt.Errorf("asking the API server: %w", err)
	}
	defer answer.Body.Close()
	if err := n.refusal(answer.StatusCode); err != nil {
		return Values{}, err
	}
	return n.decode(answer.Body)
}

// client trusts the cluster's authority alone, and asks no proxy: the token is for
// the API server and for nobody on the way.
func (p Pod) client() (*http.Client, error) {
	ca, err := p.file("ca.crt")
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(ca)) {
		return nil, fmt.Errorf("%s has no certificate", p.path("ca.crt"))
	}
	return &http.Client{
		Transport: &http.Transport{
			TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			DisableKeepAlives: true, // the next request is hours away
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// refusal is what the API server says in a status, and the way out. What it writes
// beside is not repeated.
func (n Name) refusal(status int) error {
	switch status {
	case http.StatusOK:
		return nil
	case http.StatusNotFound:
		return fmt.Errorf("%w in namespace %s; create it there, or name it in full with k8sNamespace", ErrNotFound, n.Namespace)
	case http.StatusForbidden:
		return fmt.Errorf(`%w to the service account of the pod; bind it in namespace %s to a Role with the rule `+
			`{apiGroups: [""], resources: [secrets], resourceNames: [%s], verbs: [get]}`, ErrDenied, n.Namespace, n.Name)
	case http.StatusUnauthorized:
		return fmt.Errorf("%w: the API server does not know the token of the pod's service account", ErrDenied)
	}
	return fmt.Errorf("the API server answers %d", status)
}

func (n Name) decode(body io.Reader) (Values, error) {
	text, err := io.ReadAll(io.LimitReader(body, maxBytes+1))
	if err != nil {
		return Values{}, fmt.Errorf("reading the answer of the API server: %w", err)
	}
	var object struct {
		Kind string            `json:"kind"`
		Data map[string][]byte `json:"data"`
	}
	// The error of the decoder would quote what it stumbled over.
	if len(text) > maxBytes || json.Unmarshal(text, &object) != nil || object.Kind != "Secret" {
		return Values{}, errors.New("the answer of the API server is not a Secret")
	}
	return Values{name: n, data: object.Data}, nil
}

func (p Pod) namespace() (string, error) { return p.file("namespace") }

func (p Pod) path(name string) string { return filepath.Join(cmp.Or(p.AccountDir, accountDir), name) }

func (p Pod) file(name string) (string, error) {
	text, err := os.ReadFile(p.path(name))
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%w: there is no %s (automountServiceAccountToken)", ErrNotInPod, p.path(name))
	}
	if err != nil {
		return "", fmt.Errorf("reading what the service account has: %w", err)
	}
	trimmed := strings.TrimSpace(string(text))
	if trimmed == "" {
		return "", fmt.Errorf("%w: %s is empty", ErrNotInPod, p.path(name))
	}
	return trimmed, nil
}
