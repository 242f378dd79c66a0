// Package certs makes authorities and certificates for tests.
package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// New makes an authority that nobody knows yet.
func New(tb testing.TB) *Authority {
	tb.Helper()
	a := &Authority{}
	a.cert, a.key, a.pem = sign(tb, &x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil)
	return a
}

// PEM is the certificate of the authority.
func (a *Authority) PEM() []byte { return a.pem }

// File writes the certificate of the authority into a new directory.
func (a *Authority) File(tb testing.TB) (path string) {
	tb.Helper()
	path = filepath.Join(tb.TempDir(), "ca.crt")
	write(tb, path, a.pem)
	return path
}

// Pair is a certificate and its key in PEM.
type Pair struct{ Cert, Key []byte }

// Issue makes a certificate of names and addresses, good for both sides.
func (a *Authority) Issue(tb testing.TB, hosts ...string) Pair {
	tb.Helper()
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "icarus"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	_, key, cert := sign(tb, template, a)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	noError(tb, err)
	return Pair{Cert: cert, Key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})}
}

// Files writes the pair into a new directory.
func (p Pair) Files(tb testing.TB) (cert, key string) {
	tb.Helper()
	dir := tb.TempDir()
	cert, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	p.Replace(tb, cert, key)
	return cert, key
}

// Replace writes the pair over another, as a rotation does.
func (p Pair) Replace(tb testing.TB, cert, key string) {
	tb.Helper()
	write(tb, cert, p.Cert)
	write(tb, key, p.Key)
}

func sign(tb testing.TB, template *x509.Certificate, by *Authority) (*x509.Certificate, *ecdsa.PrivateKey, []byte) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	noError(tb, err)
	const bits = 64
	template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), bits))
	noError(tb, err)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	noError(tb, err)
	cert, err := x509.ParseCertificate(der)
	noError(tb, err)
	return cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func write(tb testing.TB, path string, text []byte) {
	tb.Helper()
	noError(tb, os.WriteFile(path, text, 0o600))
}

func noError(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
