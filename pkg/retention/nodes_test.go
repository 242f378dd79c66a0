package retention_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/retention"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

func TestNodesAreFoundByWhatTheyHave(t *testing.T) {
	t.Parallel()
	b := storetest.NewMemory()
	for _, key := range []string{
		"c1/dc1/n1/manifests/a.json", "c1/dc1/n1/manifests/b.json", "c1/dc1/n1/data/k/t-1/1-1/f", "c1/dc2/n2/data/k/t-1/1-1/f",
		"c2/dc1/n3/manifests/a.json", "c2/dc1/n4/commitlog/CommitLog-7-1.log.1", "topology/a.json", "a/b/c/d/e/f", "readme",
	} {
		noError(t, b.Create(t.Context(), key, nil))
	}
	nodes, err := retention.Nodes(t.Context(), b)
	noError(t, err)
	want := []retention.Node{{"c1", "dc1", "n1"}, {"c1", "dc2", "n2"}, {"c2", "dc1", "n3"}}
	if diff := cmp.Diff(want, nodes); diff != "" {
		t.Error(diff)
	}
}

const ring = `{"topology":[{"cluster":"c","dc":"dc1","nodeId":"n1"},{"cluster":"c","dc":"dc2","nodeId":"n2"}]}`

func TestATopologyGoesWithTheLastBackupOfItsTag(t *testing.T) {
	t.Parallel()
	const left = "c/dc2/n2/manifests/"
	cases := map[string]struct {
		topology string
		key      string // of something else in the bucket
		removed  bool
		err      error
	}{
		"no node has it":              {ring, "c/dc2/n2/manifests/other.json", true, nil},
		"a node has it":               {ring, left + "tag.json", false, nil},
		"a node has a longer tag":     {ring, left + "tag2.json", true, nil},
		"there is none":               {"", left + "tag.json", false, nil},
		"it cannot be read":           {"{", "x", false, store.ErrCorrupt},
		"it names no node":            {"{}", "x", false, store.ErrCorrupt},
		"it names a node that climbs": {`{"topology":[{"cluster":"..","dc":"..","nodeId":"etc"}]}`, "x", false, store.ErrInvalid},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := storetest.NewMemory()
			noError(t, b.Create(t.Context(), c.key, nil))
			if c.topology != "" {
				noError(t, b.Create(t.Context(), manifest.TopologyKey("tag"), []byte(c.topology)))
			}
			removed, err := retention.PruneTopology(t.Context(), b, "tag")
			if removed != c.removed || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("removed: %v, %v", removed, err)
			}
			_, err = b.Stat(t.Context(), manifest.TopologyKey("tag"))
			if there := err == nil; there != (c.topology != "" && !c.removed) {
				t.Errorf("the topology is there: %v", there)
			}
		})
	}
}
