package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/icarus-sidecar/icarus/pkg/controller"
)

// sidecarFlags say how sidecars are reached.
type sidecarFlags struct {
	scheme                   string
	ca, cert, key            string
	serverName               string
	tokenFile                string
	allowCredentialsOverHTTP bool
}

func (f *sidecarFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.scheme, "sidecar-scheme", "", "http or https; https where --sidecar-tls-ca or --sidecar-tls-cert is given, else http")
	fs.StringVar(&f.ca, "sidecar-tls-ca", "", "file with the certificates (PEM) that vouch for sidecars; those of the system by default")
	fs.StringVar(&f.cert, "sidecar-tls-cert", "", "file with the controller's own certificate (PEM), where sidecars ask for one")
	fs.StringVar(&f.key, "sidecar-tls-key", "", "file with the key (PEM) of --sidecar-tls-cert")
	fs.StringVar(&f.serverName, "sidecar-tls-server-name", "", "name in the certificates of sidecars; the address of the pod by default")
	fs.StringVar(&f.tokenFile, "sidecar-token-file", "", "file with the token that sidecars ask for; it is read at each call")
	fs.BoolVar(&f.allowCredentialsOverHTTP, "allow-credentials-over-http", false,
		"let tokens, and the keys of buckets, travel in plain HTTP, where whoever sees the network can read them")
}

const (
	schemeHTTP  = "http"
	schemeHTTPS = "https"
)

func (f *sidecarFlags) options() (controller.SidecarOptions, error) {
	o := controller.SidecarOptions{AllowCredentialsOverHTTP: f.allowCredentialsOverHTTP}
	scheme := f.schemeOr()
	if err := f.check(scheme); err != nil {
		return o, err
	}
	if f.tokenFile != "" {
		o.Token = f.token
		if _, err := f.readToken(); err != nil {
			return o, err
		}
	}
	if scheme == schemeHTTPS {
		var err error
		if o.TLS, err = f.tls(); err != nil {
			return o, err
		}
	}
	return o, nil
}

func (f *sidecarFlags) schemeOr() string {
	switch {
	case f.scheme != "":
		return f.scheme
	case f.ca != "" || f.cert != "":
		return schemeHTTPS
	default:
		return schemeHTTP
	}
}

// check refuses flags that do not go together.
func (f *sidecarFlags) check(scheme string) error {
	switch {
	case scheme != schemeHTTP && scheme != schemeHTTPS:
		return fmt.Errorf("--sidecar-scheme is %q, and neither http nor https", scheme)
	case (f.cert == "") != (f.key == ""):
		return errors.New("--sidecar-tls-cert and --sidecar-tls-key are given together or not at all")
	case scheme == schemeHTTP && (f.ca != "" || f.cert != "" || f.serverName != ""):
		return errors.New("--sidecar-tls-ca, --sidecar-tls-cert and --sidecar-tls-server-name need --sidecar-scheme https")
	case scheme == schemeHTTP && f.tokenFile != "" && !f.allowCredentialsOverHTTP:
		return errors.New("--sidecar-token-file would travel in plain HTTP: add --sidecar-scheme https, or --allow-credentials-over-http")
	}
	return nil
}

// tls reads the files again at each handshake, because those that are mounted into
// pods rotate.
func (f *sidecarFlags) tls() (func(host string) *tls.Config, error) {
	if f.ca != "" {
		if _, err := f.roots(); err != nil {
			return nil, err
		}
	}
	if f.cert != "" {
		if _, err := f.certificate(nil); err != nil {
			return nil, err
		}
	}
	return func(host string) *tls.Config {
		name := cmp.Or(f.serverName, host)
		config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: name}
		if f.ca != "" {
			// The standard check knows one set of roots for ever; this is the same with
			// those of now.
			config.InsecureSkipVerify = true
			config.VerifyConnection = func(state tls.ConnectionState) error { return f.verify(state, name) }
		}
		if f.cert != "" {
			config.GetClientCertificate = f.certificate
		}
		return config
	}, nil
}

// verify is the standard check. The name is not the state's, which has none
// where the host is an address.
func (f *sidecarFlags) verify(state tls.ConnectionState, name string) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the sidecar has no certificate")
	}
	roots, err := f.roots()
	if err != nil {
		return err
	}
	options := x509.VerifyOptions{Roots: roots, DNSName: name, Intermediates: x509.NewCertPool()}
	for _, c := range state.PeerCertificates[1:] {
		options.Intermediates.AddCert(c)
	}
	if _, err := state.PeerCertificates[0].Verify(options); err != nil {
		return fmt.Errorf("verifying the certificate of the sidecar: %w", err)
	}
	return nil
}

func (f *sidecarFlags) roots() (*x509.CertPool, error) {
	pem, err := os.ReadFile(f.ca)
	if err != nil {
		return nil, fmt.Errorf("reading --sidecar-tls-ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("reading --sidecar-tls-ca: %s has no certificate in PEM", f.ca)
	}
	return roots, nil
}

func (f *sidecarFlags) certificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return nil, fmt.Errorf("reading --sidecar-tls-cert and --sidecar-tls-key: %w", err)
	}
	return &pair, nil
}

func (f *sidecarFlags) token(context.Context) (string, error) { return f.readToken() }

func (f *sidecarFlags) readToken() (string, error) {
	text, err := os.ReadFile(f.tokenFile)
	if err != nil {
		return "", fmt.Errorf("reading --sidecar-token-file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" || strings.ContainsAny(token, " \r\n\t") {
		return "", fmt.Errorf("reading --sidecar-token-file: %s does not hold one token", f.tokenFile)
	}
	return token, nil
}
