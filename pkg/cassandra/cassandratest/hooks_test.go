package cassandratest_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/cassandra/cassandratest"
	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

func TestFailIsInPlaceOfTheCall(t *testing.T) {
	t.Parallel()
	node := cassandratest.New(t, cassandratest.Options{})
	node.CreateTable("ks", "t")
	node.Write("ks", "t", "a")
	broken := errors.New("broken")
	node.Fail("Truncate", broken)
	if err := node.Truncate(t.Context(), "ks", "t"); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if rows := node.Rows("ks", "t"); !cmp.Equal(rows, []string{"a"}) {
		t.Errorf("the rows are %v", rows)
	}
	node.Fail("Truncate", nil)
	if err := node.Truncate(t.Context(), "ks", "t"); err != nil {
		t.Error(err)
	}
	if rows := node.Rows("ks", "t"); len(rows) != 0 {
		t.Errorf("the rows are %v", rows)
	}
	if err := node.Flush(t.Context(), "ks", "t"); err != nil {
		t.Error(err)
	}
	want := []string{"Truncate ks t", "Truncate ks t", "Flush ks t"}
	if diff := cmp.Diff(want, node.Calls()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[2:], node.Calls("Flush", "Cleanup")); diff != "" {
		t.Error(diff)
	}
}

func TestHooksStandAroundTheCall(t *testing.T) {
	t.Parallel()
	node := cassandratest.New(t, cassandratest.Options{})
	node.CreateTable("ks", "t")
	lost := errors.New("the answer is lost")
	var seen []string
	note := func(when string, err error) func(context.Context, cassandratest.Call) error {
		return func(_ context.Context, c cassandratest.Call) error {
			seen = append(seen, when+" "+c.String())
			return err
		}
	}
	node.Before, node.After = note("before", nil), note("after", lost)
	if err := node.Snapshot(t.Context(), "tag", []string{"ks.t"}); !errors.Is(err, lost) {
		t.Errorf("got %v", err)
	}
	if len(node.Snapshots("ks", "t")) != 1 {
		t.Error("there is no snapshot, though only the answer was lost")
	}
	node.Before = note("before", lost)
	if err := node.ClearSnapshot(t.Context(), "tag"); !errors.Is(err, lost) {
		t.Errorf("got %v", err)
	}
	if len(node.Snapshots("ks", "t")) != 1 {
		t.Error("the snapshot was cleared, though the call came to nothing")
	}
	want := []string{"before Snapshot tag ks.t", "after Snapshot tag ks.t", "before ClearSnapshot tag"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
}

func TestBlockWaitsForReleaseOrTheContext(t *testing.T) {
	t.Parallel()
	node := cassandratest.New(t, cassandratest.Options{})
	reached, release := node.Block("Ring")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	ask := func(ctx context.Context) {
		_, err := node.Ring(ctx)
		ended <- err
	}
	go ask(ctx)
	<-reached
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	go ask(t.Context())
	release()
	release() // twice is once
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestARingHasOneSchemaAndTruncatesEverywhere(t *testing.T) {
	t.Parallel()
	ring := cassandratest.NewRing(t, 3, cassandratest.Options{DataDirs: 2})
	ring[1].CreateTable("ks", "t")
	for _, node := range ring {
		node.AddSSTable("ks", "t", "a")
		node.Write("ks", "t", "b")
		tables, err := node.Tables(t.Context(), "ks")
		if err != nil || len(tables) != 1 || tables[0].ID != ring[1].Described("ks", "t").ID {
			t.Errorf("%v, %v", tables, err)
		}
	}
	if err := ring[0].Truncate(t.Context(), "ks", "t"); err != nil {
		t.Fatal(err)
	}
	for _, node := range ring {
		if rows, live := node.Rows("ks", "t"), node.Live("ks", "t"); len(rows)+len(live) != 0 {
			t.Errorf("%s has %v in %v", node.Address(), rows, live)
		}
		if len(node.Snapshots("ks", "t")) == 0 {
			t.Errorf("%s has no snapshot", node.Address())
		}
	}
}

func TestARingKnowsItsNodes(t *testing.T) {
	t.Parallel()
	ring := cassandratest.NewRing(t, 3, cassandratest.Options{})
	ring[0].CreateTable("ks", "t")
	ring[1].Stop()
	ring[2].SetMode(cassandra.StateLeaving)
	ring[2].SetSchema("another")
	var health *cassandra.HealthError
	if err := ring[0].CheckHealth(t.Context()); !errors.As(err, &health) || len(health.Reasons) != 4 {
		t.Errorf("got %v", err)
	}
	members, err := ring[0].Ring(t.Context())
	if err != nil || len(members) != 3 || members[1].Up || members[2].State != cassandra.StateLeaving || !members[0].Up {
		t.Errorf("got %+v, %v", members, err)
	}
	if _, err := ring[1].Identity(t.Context()); !errors.Is(err, jmx.ErrTransport) {
		t.Errorf("got %v", err)
	}
	var exception *jmx.Exception
	if err := ring[0].Truncate(t.Context(), "ks", "t"); !errors.As(err, &exception) {
		t.Errorf("with a node down: %v", err)
	}
	ring[1].Start()
	ring[2].SetMode(cassandra.StateNormal)
	ring[2].SetSchema("")
	if err := ring[0].CheckHealth(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCompactionLeavesOneSSTable(t *testing.T) {
	t.Parallel()
	node := cassandratest.New(t, cassandratest.Options{})
	node.CreateTable("ks", "t")
	first := node.AddSSTable("ks", "t", "a", "b")
	node.AddSSTable("ks", "t", "c")
	node.Compact("ks", "t")
	live := node.Live("ks", "t")
	if len(live) != 1 || filepath.Base(live[0]) == first {
		t.Errorf("in use are %v", live)
	}
	if rows := node.Rows("ks", "t"); !cmp.Equal(rows, []string{"a", "b", "c"}) {
		t.Errorf("the rows are %v", rows)
	}
	if idle := node.Idle("ks", "t"); len(idle) != 0 {
		t.Errorf("there remain %s", strings.Join(idle, ", "))
	}
}
