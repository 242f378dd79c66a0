package rest_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/icarus-sidecar/icarus/api/rest"
)

func TestParseEntities(t *testing.T) {
	t.Parallel()
	good := map[string][]string{
		"":                         nil,
		" , ":                      nil,
		"ks1":                      {"ks1"},
		"ks2,ks1,ks2":              {"ks1", "ks2"},
		"system_schema test1\ttwo": {"system_schema", "test1", "two"},
		"ks1.t1, ks2.CamelCase":    {"ks1.t1", "ks2.CamelCase"},
		strings.Repeat("k", 222):   {strings.Repeat("k", 222)},
	}
	for text, want := range good {
		got, err := rest.ParseEntities(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got.Strings()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	for _, text := range []string{
		"ks1,ks2.t1", "../etc", "/etc", "ks1.", ".t1", "a.b.c", "ks-1", "ks1/t1", `"Quoted"`, "ks\x00", strings.Repeat("k", 223), "ä",
	} {
		if got, err := rest.ParseEntities(text); err == nil {
			t.Errorf("%q is taken as %v", text, got)
		}
	}
}

func TestEntitiesInclude(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][3]bool{
		"":          {true, true, true},
		"ks1":       {true, true, false},
		"ks1.t1":    {true, false, false},
		"ks2":       {false, false, true},
		"KS1,ks1.T": {},
	} {
		e, err := rest.ParseEntities(text)
		if text == "KS1,ks1.T" {
			if err == nil {
				t.Errorf("%q mixes", text)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got := [3]bool{e.Includes("ks1", "t1"), e.Includes("ks1", "t10"), e.Includes("ks2", "t1")}
		if got != want {
			t.Errorf("%q includes %v, want %v", text, got, want)
		}
	}
}

func TestEntitiesAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	name := rapid.StringMatching(`[A-Za-z0-9_]{1,20}`)
	rapid.Check(t, func(t *rapid.T) {
		word := name
		if rapid.Bool().Draw(t, "tables") {
			word = rapid.Custom(func(t *rapid.T) string { return name.Draw(t, "ks") + "." + name.Draw(t, "table") })
		}
		first, err := rest.ParseEntities(strings.Join(rapid.SliceOf(word).Draw(t, "names"), " ,"))
		if err != nil {
			t.Fatal(err)
		}
		again, err := rest.ParseEntities(first.String())
		if err != nil || !cmp.Equal(first, again) {
			t.Fatalf("%v became %v, %v", first, again, err)
		}
	})
}

func TestValidateTag(t *testing.T) {
	t.Parallel()
	for _, tag := range []string{"a", "icarus-snapshot", "daily:2024+1@x=y.z", "_x", "snap-6f5e9841-4f97-3198-9398-161b445b3954-1604922565811"} {
		if err := rest.ValidateTag(tag); err != nil {
			t.Errorf("%q: %v", tag, err)
		}
	}
	for _, tag := range []string{"", "..", "a..b", "../x", "/etc", "a/b", `a\b`, ".hidden", "-x", "a b", "a\x00", "ü", strings.Repeat("x", 251)} {
		if rest.ValidateTag(tag) == nil {
			t.Errorf("%q is taken", tag)
		}
	}
}
