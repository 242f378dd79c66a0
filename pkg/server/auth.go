package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// ErrUnauthenticated is for a request that does not prove who sends it.
var ErrUnauthenticated = errors.New("unauthenticated")

// Authenticator says why a request is not let in: ErrUnauthenticated, or what is
// in the way of knowing.
type Authenticator func(r *http.Request) error

// BearerTokens lets in who has one of some tokens. They are asked for at each
// request, because they rotate: old and new ones hold while both are there.
func BearerTokens(read func() ([]string, error)) Authenticator {
	return func(r *http.Request) error {
		given, err := bearer(r)
		if err != nil {
			return err
		}
		tokens, err := read()
		if err != nil {
			return err // nobody is let in by what was true before
		}
		// Hashes are of one length, and all are looked at: time tells nothing of a token.
		hash, found := sha256.Sum256([]byte(given)), 0
		for _, token := range tokens {
			known := sha256.Sum256([]byte(token))
			found |= subtle.ConstantTimeCompare(hash[:], known[:])
		}
		if found == 0 {
			return fmt.Errorf("%w: the token is not one that is known here", ErrUnauthenticated)
		}
		return nil
	}
}

func bearer(r *http.Request) (string, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) == 1 {
		scheme, token, _ := strings.Cut(headers[0], " ")
		if token = strings.TrimSpace(token); strings.EqualFold(scheme, "Bearer") && token != "" {
			return token, nil
		}
	}
	return "", fmt.Errorf("%w: send one header Authorization, with Bearer and a token", ErrUnauthenticated)
}

// authenticated stands before every route.
func authenticated(check Authenticator) gin.HandlerFunc {
	return func(g *gin.Context) {
		if check == nil {
			return
		}
		if err := check(g.Request); err != nil {
			fail(g, err)
		}
	}
}

// requireUnseen refuses credentials that others could have read on their way. It is too late
// for those, but whoever sends them learns of it at the first time.
func (a *api) requireUnseen(r *http.Request, req rest.Request) error {
	if r.TLS != nil || a.AllowCredentialsOverHTTP || fromLoopback(r) || !rest.HasSecrets(req) {
		return nil
	}
	return &rest.Error{
		Code: http.StatusForbidden,
		Message: "the request carries credentials, and came in plain HTTP, where whoever sees the network can read them: " +
			"replace them, and send them by https; --allow-credentials-over-http makes the sidecar take them so",
	}
}

func fromLoopback(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && peer.Addr().Unmap().IsLoopback()
}
