package client

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// TLSFiles say where the certificates for talking to a server lie. They are read
// at each handshake, because those that are mounted into pods rotate.
type TLSFiles struct {
	// CA has the certificates (PEM) that vouch for servers; those of the system
	// do where it is empty.
	CA string
	// Cert and Key are the caller's own (PEM), for servers that ask for them.
	Cert, Key string
	// ServerName is the name in the certificates of servers; the host of the
	// address where it is empty.
	ServerName string
}

// Check reads the files once: what is wrong with them is known before it matters.
func (f TLSFiles) Check() error {
	if (f.Cert == "") != (f.Key == "") {
		return errors.New("a certificate and its key need each other")
	}
	if f.CA != "" {
		if _, err := f.roots(); err != nil {
			return err
		}
	}
	if f.Cert != "" {
		if _, err := f.certificate(nil); err != nil {
			return err
		}
	}
	return nil
}

// Config is for talking to a host.
func (f TLSFiles) Config(host string) *tls.Config {
	name := cmp.Or(f.ServerName, host)
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: name}
	if f.CA != "" {
		// The standard check knows one set of roots for ever; this is the same with
		// those of now.
		config.InsecureSkipVerify = true
		config.VerifyConnection = func(state tls.ConnectionState) error { return f.verify(state, name) }
	}
	if f.Cert != "" {
		config.GetClientCertificate = f.certificate
	}
	return config
}

// verify is the standard check. The name is not the state's, which has none
// where the host is an address.
func (f TLSFiles) verify(state tls.ConnectionState, name string) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the server has no certificate")
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
		return fmt.Errorf("verifying the certificate of the server: %w", err)
	}
	return nil
}

func (f TLSFiles) roots() (*x509.CertPool, error) {
	pem, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, fmt.Errorf("reading authorities: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("reading authorities: %s has no certificate in PEM", f.CA)
	}
	return roots, nil
}

func (f TLSFiles) certificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate %s and its key: %w", f.Cert, err)
	}
	return &pair, nil
}

const (
	// maxTokenFile is far above a handful of tokens of any kind.
	maxTokenFile = 64 << 10
	// maxTokens are looked through at each request.
	maxTokens = 100
)

// tokenForm is what RFC 6750 lets a header carry.
var tokenForm = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// ReadTokens reads a file of bearer tokens, one a line. There is at least one; it
// is the first that a caller sends. No token is part of an error.
func ReadTokens(path string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading tokens: %w", err)
	}
	defer file.Close()
	text, err := readAll(file, maxTokenFile)
	switch {
	case errors.Is(err, errTooLong):
		return nil, fmt.Errorf("reading tokens: %s is larger than %d bytes", path, maxTokenFile)
	case err != nil:
		return nil, fmt.Errorf("reading tokens: %w", err)
	}
	var tokens []string
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		token := strings.TrimSpace(line)
		switch {
		case token == "":
		case !tokenForm.MatchString(token):
			return nil, fmt.Errorf("reading tokens: line %d of %s is no token: it has other signs than letters, digits and -._~+/", number, path)
		default:
			tokens = append(tokens, token)
		}
	}
	if len(tokens) == 0 || len(tokens) > maxTokens {
		return nil, fmt.Errorf("reading tokens: %s has %d of them, not 1 to %d", path, len(tokens), maxTokens)
	}
	return tokens, nil
}

// TokenFile is for WithToken: the first token of a file, as it is at each call.
func TokenFile(path string) func(ctx context.Context) (string, error) {
	return func(context.Context) (string, error) {
		tokens, err := ReadTokens(path)
		if err != nil {
			return "", err
		}
		return tokens[0], nil
	}
}
