package apiserver

import "testing"

func TestTheVersionThatIsPinned(t *testing.T) {
	t.Parallel()
	programs, err := programsDir(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v, err := version(t.Context(), programs)
	if err != nil {
		t.Fatal(err)
	}
	if major, _, ok := majorMinor(v); !ok || major != "1" {
		t.Errorf("Kubernetes is pinned to %q", v)
	}
}
