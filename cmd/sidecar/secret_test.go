package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/secret"
)

func TestTheSidecarReadsTheSecretsThatWereAllowedAndNoOther(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
	t.Setenv("KUBERNETES_SERVICE_PORT", "443")
	for name, c := range map[string]struct {
		flags []string
		want  []secret.Name
	}{
		"none by default": {nil, nil},
		"two":             {[]string{"cloud", "backups/cloud"}, []secret.Name{{Name: "cloud"}, {Namespace: "backups", Name: "cloud"}}},
	} {
		f := serverFlags{listen: "127.0.0.1:4567", allowSecrets: c.flags}
		deps, err := f.deps(cassandra.New(nil))
		if err != nil {
			t.Fatal(err)
		}
		want := secret.Reader{Pod: secret.Pod{Host: "10.0.0.1", Port: "443"}, Allowed: c.want}
		if diff := cmp.Diff(want, deps.Secrets); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
