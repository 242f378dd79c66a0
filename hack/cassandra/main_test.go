package main

import (
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
)

func TestCommandLineIsRead(t *testing.T) {
	t.Parallel()
	q, err := parse([]string{"up", "-n", "3", "-jmx", "tls", "-places", "east:r1,west:r2", "-set", "num_tokens=1", "-set", "a=b=c"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	o := q.options
	if q.command != "up" || o.Nodes != 3 || o.JMX != ring.JMXTLS {
		t.Errorf("got %+v", q)
	}
	if diff := cmp.Diff([]ring.Place{{DC: "east", Rack: "r1"}, {DC: "west", Rack: "r2"}}, o.Places); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"num_tokens": "1", "a": "b=c"}, o.Settings); diff != "" {
		t.Error(diff)
	}
}

func TestTheNodeStandsBeforeOrBehindTheFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"stop", "2", "-dir", "/x"}, {"stop", "-dir", "/x", "2"}} {
		q, err := parse(args, io.Discard)
		if err != nil || q.node != 2 || q.options.Dir != "/x" {
			t.Errorf("%q: %+v, %v", args, q, err)
		}
	}
}

func TestCommandLinesThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"an unknown command":          {"frobnicate"},
		"no node to kill":             {"kill"},
		"a node that is no number":    {"start", "two"},
		"a word too many":             {"up", "3"},
		"a place without a rack":      {"up", "-places", "dc1"},
		"a setting without its value": {"up", "-set", "num_tokens"},
		"an unknown flag":             {"up", "-frob"},
		"no command":                  nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := parse(args, io.Discard); err == nil {
				t.Error("it was taken")
			}
		})
	}
}
