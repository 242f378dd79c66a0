package secret_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/icarus-sidecar/icarus/pkg/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const canary = "hunter2-canary"

func noError(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// object is a Secret as the API server answers it.
func object(value string) string {
	return fmt.Sprintf(`{"kind":"Secret","apiVersion":"v1","data":{"gcp":%q,"empty":""}}`, base64.StdEncoding.EncodeToString([]byte(value)))
}

func answers(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// inPod is a pod in the namespace cassandra, and its API server.
func inPod(t *testing.T, handler http.Handler) secret.Pod {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	host, port, err := net.SplitHostPort(server.Listener.Addr().String())
	noError(t, err)
	dir := t.TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for name, text := range map[string]string{"token": "t1\n", "ca.crt": string(ca), "namespace": "cassandra"} {
		noError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return secret.Pod{Host: host, Port: port, AccountDir: dir}
}

func TestOneSecretIsReadByOneRequestWithTheTokenOfTheMoment(t *testing.T) {
	t.Parallel()
	var asked []string
	pod := inPod(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Authorization"))
		answers(http.StatusOK, object(canary+"\n"))(w, r)
	}))
	reader := secret.Reader{Pod: pod, Allowed: []secret.Name{{Name: "cloud"}}}
	for _, token := range []string{"t1", "t2"} {
		noError(t, os.WriteFile(filepath.Join(pod.AccountDir, "token"), []byte(token), 0o600))
		v, err := reader.Get(t.Context(), secret.Name{Name: "cloud"})
		noError(t, err)
		if got := v.Reveal("gcp"); got != canary {
			t.Errorf("the value is %q", got)
		}
		shown, err := json.Marshal(v)
		noError(t, err)
		if all := fmt.Sprintf("%v %+v %#v %s %q %x %s", v, v, v, v, v, v, shown); strings.Contains(all, "hunter2") || strings.Contains(all, "68756e") {
			t.Errorf("it shows %s", all)
		}
		err = v.Require("gcp", "empty")
		if err == nil || err.Error() != "Secret cassandra/cloud has no key empty, or an empty one" {
			t.Errorf("it lacks %v", err)
		}
	}
	const want = "GET /api/v1/namespaces/cassandra/secrets/cloud Bearer t1|GET /api/v1/namespaces/cassandra/secrets/cloud Bearer t2"
	if got := strings.Join(asked, "|"); got != want {
		t.Errorf("asked %s", got)
	}
}

func TestOnlyWhatWasAllowedIsRead(t *testing.T) {
	t.Parallel()
	pod := inPod(t, answers(http.StatusOK, object(canary)))
	reads := func(names ...secret.Name) secret.Reader { return secret.Reader{Pod: pod, Allowed: names} }
	own, full := secret.Name{Name: "cloud"}, secret.Name{Namespace: "cassandra", Name: "cloud"}
	other := secret.Name{Namespace: "default", Name: "cloud"}
	cases := map[string]struct {
		reader  secret.Reader
		name    secret.Name
		refused bool
	}{
		"nothing was allowed":                    {reads(), own, true},
		"nothing was, and there is no pod":       {secret.Reader{}, own, true},
		"one of the pod's own namespace":         {reads(own), own, false},
		"that one in full":                       {reads(own), full, false},
		"one that was allowed in full":           {reads(full), own, false},
		"the same name elsewhere":                {reads(own), other, true},
		"elsewhere, allowed":                     {reads(own, other), other, false},
		"the pod's own where another is allowed": {reads(other), own, true},
		"another name":                           {reads(own), secret.Name{Name: "cloud2"}, true},
		"a way out of the path":                  {secret.Reader{Pod: pod, AllowAll: true}, secret.Name{Name: "../pods/x"}, true},
		"a way out by the namespace":             {secret.Reader{Pod: pod, AllowAll: true}, secret.Name{Namespace: "a/b", Name: "x"}, true},
		"any, on a command line":                 {secret.Reader{Pod: pod, AllowAll: true}, other, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := c.reader.Resolve(c.name)
			if errors.Is(err, secret.ErrNotAllowed) != c.refused || !c.refused && err != nil {
				t.Errorf("it is %v", err)
			}
			if _, read := c.reader.Get(t.Context(), c.name); (read == nil) == c.refused {
				t.Errorf("reading it is %v", read)
			}
		})
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]secret.Name{
		"cloud": {Name: "cloud"}, "cassandra/cloud.keys": {Namespace: "cassandra", Name: "cloud.keys"},
	} {
		if n, err := secret.ParseName(text); err != nil || n != want || n.String() != text {
			t.Errorf("%s is %v, %v", text, n, err)
		}
	}
	for _, text := range []string{"", "/", "/cloud", "a/", "a/b/c", "Cloud", "..", "a..b", "a.b/c", "a b", strings.Repeat("a", 64), "x/*"} {
		if n, err := secret.ParseName(text); err == nil {
			t.Errorf("%q is %v", text, n)
		}
	}
}

func TestWhatGoesWrongIsToldWithoutWhatTheServerSays(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		answer http.HandlerFunc
		is     error
		tells  string
	}{
		"no right to it": {answers(403, canary), secret.ErrDenied, `namespace cassandra to a Role with the rule ` +
			`{apiGroups: [""], resources: [secrets], resourceNames: [cloud], verbs: [get]}`},
		"a token that is not known": {answers(401, canary), secret.ErrDenied, "token"},
		"no such Secret":            {answers(404, canary), secret.ErrNotFound, "k8sNamespace"},
		"an API server in trouble":  {answers(503, canary), nil, "503"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://127.0.0.1:1/"+canary, http.StatusFound)
		}, nil, "302"},
		"half of a document":        {answers(200, object(canary)[:60]), nil, "not a Secret"},
		"no Base64":                 {answers(200, `{"kind":"Secret","data":{"gcp":"`+canary+`!"}}`), nil, "not a Secret"},
		"another kind":              {answers(200, `{"kind":"Status","message":"`+canary+`"}`), nil, "not a Secret"},
		"a document without an end": {answers(200, strings.Repeat(canary, 1<<18)), nil, "not a Secret"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reader := secret.Reader{Pod: inPod(t, c.answer), AllowAll: true}
			_, err := reader.Get(t.Context(), secret.Name{Name: "cloud"})
			if err == nil || c.is != nil && !errors.Is(err, c.is) {
				t.Fatalf("it is %v", err)
			}
			if text := err.Error(); !strings.Contains(text, "Secret cassandra/cloud") || !strings.Contains(text, c.tells) || strings.Contains(text, canary) {
				t.Errorf("it says %s", text)
			}
		})
	}
}

func TestAPodThatLacksSomething(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		spoil func(p *secret.Pod) error
		is    error
	}{
		"no API server": {func(p *secret.Pod) error { p.Host = ""; return nil }, secret.ErrNotInPod},
		"no token":      {func(p *secret.Pod) error { return os.Remove(filepath.Join(p.AccountDir, "token")) }, secret.ErrNotInPod},
		"no namespace":  {func(p *secret.Pod) error { return os.Remove(filepath.Join(p.AccountDir, "namespace")) }, secret.ErrNotInPod},
		"an empty token": {
			func(p *secret.Pod) error {
				return os.WriteFile(filepath.Join(p.AccountDir, "token"), []byte("\n"), 0o600)
			}, secret.ErrNotInPod,
		},
		"no authority": {
			func(p *secret.Pod) error {
				return os.WriteFile(filepath.Join(p.AccountDir, "ca.crt"), []byte("x"), 0o600)
			}, nil,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := inPod(t, answers(http.StatusOK, object(canary)))
			noError(t, c.spoil(&pod))
			_, err := secret.Reader{Pod: pod, AllowAll: true}.Get(t.Context(), secret.Name{Name: "cloud"})
			if err == nil || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("it is %v", err)
			}
		})
	}
}

func TestNoTokenIsSentToAServerOfAnotherAuthority(t *testing.T) {
	t.Parallel()
	pod := inPod(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was asked") }))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	noError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	other, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	noError(t, err)
	noError(t, os.WriteFile(filepath.Join(pod.AccountDir, "ca.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other}), 0o600))
	_, err = secret.Reader{Pod: pod, AllowAll: true}.Get(t.Context(), secret.Name{Name: "cloud"})
	var unknown x509.UnknownAuthorityError
	if !errors.As(err, &unknown) {
		t.Errorf("it is %v", err)
	}
}

func TestReadingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	pod := inPod(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	_, err := secret.Reader{Pod: pod, AllowAll: true}.Get(ctx, secret.Name{Name: "cloud"})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it is %v", err)
	}
}
