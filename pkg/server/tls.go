package server

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/go-logr/logr"
)

// TLSFiles say where the certificates of the API lie. They are read at each
// handshake, because those that are mounted into pods rotate.
type TLSFiles struct {
	// Cert and Key are the sidecar's own (PEM).
	Cert, Key string
	// ClientCA has the certificates (PEM) that vouch for callers. Every caller
	// needs one then; nobody does where it is empty.
	ClientCA string
}

// Config is for a listener, such as that of tls.NewListener.
//
// A pair that cannot be read any more, or is half replaced, gives way to the last
// that could, as long as that is valid. Authorities that cannot be read let
// nobody in.
func (f TLSFiles) Config(log logr.Logger) (*tls.Config, error) {
	s := &serving{files: f, log: log}
	if _, err := s.config(); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return s.config()
		},
	}, nil
}

// serving is what a listener has read.
type serving struct {
	files TLSFiles
	log   logr.Logger

	mu        sync.Mutex
	cert, key []byte // the text of pair
	pair      *tls.Certificate
	told      string // the last error that was logged
}

// config is for one handshake.
func (s *serving) config() (*tls.Config, error) {
	pair, err := s.current()
	if err != nil {
		return nil, err
	}
	config := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"},
		Certificates: []tls.Certificate{*pair},
		// Who comes back is looked at as closely as who is new.
		SessionTicketsDisabled: true,
	}
	if s.files.ClientCA == "" {
		return config, nil
	}
	text, err := os.ReadFile(s.files.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("reading the authorities of callers: %w", err)
	}
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("reading the authorities of callers: %s has no certificate in PEM", s.files.ClientCA)
	}
	return config, nil
}

// current is the pair of now, or the last that was one.
func (s *serving) current() (*tls.Certificate, error) {
	pair, err := s.read()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.told = ""
		return pair, nil
	case s.pair == nil:
		return nil, err
	case s.told != err.Error():
		s.told = err.Error()
		s.log.Error(err, "Serving with the former certificate")
	}
	return s.pair, nil
}

// read parses the pair where it is not the one that was read before.
func (s *serving) read() (*tls.Certificate, error) {
	cert, err := os.ReadFile(s.files.Cert)
	key, kerr := os.ReadFile(s.files.Key)
	if err := errors.Join(err, kerr); err != nil {
		return nil, fmt.Errorf("reading the certificate of the API: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pair != nil && bytes.Equal(cert, s.cert) && bytes.Equal(key, s.key) {
		return s.pair, nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate %s of the API and its key: %w", s.files.Cert, err)
	}
	s.cert, s.key, s.pair = cert, key, &pair
	return s.pair, nil
}
