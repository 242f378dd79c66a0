package main

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/icarus-sidecar/icarus/pkg/client"
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
	fs.StringVar(&f.tokenFile, "sidecar-token-file", "", "file whose first token is sent to sidecars; it is read at each call")
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
		if _, err := client.ReadTokens(f.tokenFile); err != nil {
			return o, fmt.Errorf("--sidecar-token-file: %w", err)
		}
		o.Token = client.TokenFile(f.tokenFile)
	}
	if scheme == schemeHTTPS {
		files := client.TLSFiles{CA: f.ca, Cert: f.cert, Key: f.key, ServerName: f.serverName}
		if err := files.Check(); err != nil {
			return o, fmt.Errorf("--sidecar-tls-ca, --sidecar-tls-cert, --sidecar-tls-key: %w", err)
		}
		o.TLS = files.Config
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
