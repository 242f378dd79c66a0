package ring

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// StorePassword opens the key stores of TLSFiles.
const StorePassword = "changeit"

// TLSFiles are what a client of a TLS or mutual TLS JMX port needs, as PEM for
// Go and as Java key stores (JKS) for Java. Both sides trust one authority.
type TLSFiles struct {
	CA         string // certificate of the authority, PEM
	ClientCert string // PEM
	ClientKey  string // PKCS #8, PEM
	ServerCert string // PEM
	TrustStore string // the authority alone, JKS
	ClientKeys string // the client's key and certificate, JKS
	ServerKeys string // the nodes' key and certificate, JKS
}

func tlsFilesIn(dir string) TLSFiles {
	in := func(name string) string { return filepath.Join(dir, "tls", name) }
	return TLSFiles{
		CA: in("ca.pem"), ClientCert: in("client.pem"), ClientKey: in("client.key"), ServerCert: in("server.pem"),
		TrustStore: in("trust.jks"), ClientKeys: in("client.jks"), ServerKeys: in("server.jks"),
	}
}

func (f TLSFiles) serverFlags() []string {
	const net = "-Djavax.net.ssl."
	return []string{
		net + "keyStore=" + f.ServerKeys, net + "keyStorePassword=" + StorePassword, net + "keyStoreType=JKS",
		net + "trustStore=" + f.TrustStore, net + "trustStorePassword=" + StorePassword, net + "trustStoreType=JKS",
	}
}

// identity is a key with its certificate.
type identity struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

// certify makes the authority, one certificate for all nodes and one for
// clients, and writes them in every form.
func certify(o Options) error {
	f := tlsFilesIn(o.Dir)
	if err := os.MkdirAll(filepath.Dir(f.CA), 0o755); err != nil {
		return fmt.Errorf("making the directory of certificates: %w", err)
	}
	ca, err := issue("Icarus test authority", nil, nil)
	if err != nil {
		return err
	}
	addresses := make([]net.IP, o.Nodes)
	for i := range addresses {
		addresses[i] = net.ParseIP(o.address(i + 1))
	}
	server, err := issue("cassandra", ca, addresses)
	if err != nil {
		return err
	}
	client, err := issue("icarus", ca, nil)
	if err != nil {
		return err
	}
	clientKey, err := x509.MarshalPKCS8PrivateKey(client.key)
	if err != nil {
		return fmt.Errorf("encoding the client's key: %w", err)
	}
	clientKeys, err1 := keyStore(client, ca.cert, StorePassword)
	serverKeys, err2 := keyStore(server, ca.cert, StorePassword)
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("making key stores: %w", err)
	}
	return writeAll(map[string][]byte{
		f.CA:         pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw}),
		f.ServerCert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.cert.Raw}),
		f.ClientCert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: client.cert.Raw}),
		f.ClientKey:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: clientKey}),
		f.TrustStore: trustStore(ca.cert, StorePassword), f.ClientKeys: clientKeys, f.ServerKeys: serverKeys,
	})
}

func writeAll(files map[string][]byte) error {
	for path, text := range files {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return fmt.Errorf("writing certificates: %w", err)
		}
	}
	return nil
}

// issue makes a key and its certificate; without an issuer, an authority's.
func issue(name string, issuer *identity, addresses []net.IP) (*identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the key of %s: %w", name, err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("making the serial number of %s: %w", name, err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour), // clocks of containers differ
		NotAfter:     time.Now().AddDate(1, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:     []string{"localhost"},
		IPAddresses:  addresses,
	}
	if issuer == nil {
		template.IsCA, template.BasicConstraintsValid = true, true
		template.KeyUsage = x509.KeyUsageCertSign
		template.ExtKeyUsage, template.DNSNames = nil, nil
		issuer = &identity{key: key, cert: template}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.cert, key.Public(), issuer.key)
	if err != nil {
		return nil, fmt.Errorf("certifying %s: %w", name, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("certifying %s: %w", name, err)
	}
	return &identity{key: key, cert: cert}, nil
}
