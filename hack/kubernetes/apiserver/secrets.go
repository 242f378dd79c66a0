package apiserver

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// tokens is the file of those whom the API server knows beside its ServiceAccounts.
func (s *Server) tokens() string { return filepath.Join(s.certificates(), "tokens.csv") }

// signingKey is the file of the key that signs the tokens of ServiceAccounts.
func (s *Server) signingKey() string { return filepath.Join(s.certificates(), "accounts.key") }

// writeSecrets makes what the API server needs to know people, if it is not there.
func (s *Server) writeSecrets() error {
	if _, err := os.Stat(s.tokens()); err == nil || !errors.Is(err, os.ErrNotExist) {
		return err
	}
	const bits = 2048
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return fmt.Errorf("making the key of the API server: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(s.signingKey(), text, 0o600); err != nil {
		return fmt.Errorf("writing the key of the API server: %w", err)
	}
	// token, name, id, group
	if err := os.WriteFile(s.tokens(), []byte(rand.Text()+",admin,admin,system:masters\n"), 0o600); err != nil {
		return fmt.Errorf("writing the tokens of the API server: %w", err)
	}
	return nil
}

// adminToken is the one of the administrator, and nobody's where there is none.
func (s *Server) adminToken() string {
	text, err := os.ReadFile(s.tokens())
	if err != nil {
		return ""
	}
	token, _, _ := strings.Cut(string(text), ",")
	return token
}

// WriteKubeconfig writes the file with which programs reach the server as whom a
// token belongs to, and mean a namespace where they name none.
func (s *Server) WriteKubeconfig(file, token, namespace string) error {
	const name = "icarus"
	config := api.NewConfig()
	config.Clusters[name] = &api.Cluster{Server: s.URL, CertificateAuthority: s.authority()}
	config.AuthInfos[name] = &api.AuthInfo{Token: token}
	config.Contexts[name] = &api.Context{Cluster: name, AuthInfo: name, Namespace: namespace}
	config.CurrentContext = name
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		return fmt.Errorf("writing a kubeconfig: %w", err)
	}
	return nil
}
