package manifest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
)

const (
	schema  = "c023a5d0-d71a-37e7-9ad2-63d7a08639ed"
	schema2 = "1f85203a-c5f4-3bb5-9ac9-d630f65a32c3"
)

func TestParseTag(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 5, 7, 39, 237e6, time.UTC)
	for s, want := range map[string]manifest.Tag{
		"icarus-snapshot-" + schema + "-1795410459237": {User: "icarus-snapshot", SchemaVersion: schema, Time: at, Complete: true},
		"a-" + schema + "-1-" + schema2 + "-2":         {User: "a-" + schema + "-1", SchemaVersion: schema2, Time: time.UnixMilli(2).UTC(), Complete: true},
		"nightly":                                      {User: "nightly"},
		"daily-20240101":                               {User: "daily-20240101"},
		"autosnap-1795410459":                          {User: "autosnap-1795410459"},
		schema + "-1795410459237":                      {User: schema + "-1795410459237"},
		"-" + schema + "-1":                            {User: "-" + schema + "-1"},
		"a-" + schema:                                  {User: "a-" + schema},
		"a-" + schema + "-":                            {User: "a-" + schema + "-"},
		"a-" + schema + "-007":                         {User: "a-" + schema + "-007"},
		"a-" + schema + "--1":                          {User: "a-" + schema + "--1"},
		"a-" + schema[1:] + "-1":                       {User: "a-" + schema[1:] + "-1"},
		"a-" + schema + "-9999999999999999999":         {User: "a-" + schema + "-9999999999999999999"},
		"":                                             {},
	} {
		got := manifest.ParseTag(s)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q:\n%s", s, diff)
		}
		if got.String() != s {
			t.Errorf("%q is written %q", s, got)
		}
	}
}

func TestFinalTag(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1795410459237)
	got := manifest.FinalTag("icarus-snapshot", schema, at.Add(999*time.Microsecond))
	if want := "icarus-snapshot-" + schema + "-1795410459237"; got != want {
		t.Errorf("it is %q, want %q", got, want)
	}
	if parsed := manifest.ParseTag(got); !parsed.Complete || !parsed.Time.Equal(at) {
		t.Errorf("it is parsed to %+v", parsed)
	}
}

func TestValidateTag(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("x", 190)
	final := manifest.FinalTag(longest, schema, time.UnixMilli(1795410459237))
	for _, s := range []string{"a", "_x", "0", "daily-20240101", "daily:2024+1@x=y.z", longest, final} {
		if err := manifest.ValidateTag(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	if n := len(manifest.ManifestKey(final)) - len("manifests/"); n > 255 {
		t.Errorf("the name of the longest manifest has %d bytes", n)
	}
	for _, s := range []string{
		"", "..", "a..b", "../x", "/etc", "a/b", `a\b`, ".hidden", "-x", "a b", "a\x00", "a\n", "ü", "a\u202eb", longest + "x",
		manifest.FinalTag(longest+"x", schema, time.UnixMilli(1)), manifest.FinalTag("a/b", schema, time.UnixMilli(1)),
	} {
		if err := manifest.ValidateTag(s); !errors.Is(err, manifest.ErrInvalid) {
			t.Errorf("%q is taken: %v", s, err)
		}
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	final := func(user, schema, ms string) string { return user + "-" + schema + "-" + ms }
	old, middle, latest := final("snap1", schema, "999"), final("snap1", schema2, "1000"), final("snap1", schema, "1795410459237")
	other := final("snap1", schema2, "1795410459237")
	bucket := []string{
		middle, "snap10", final("snap10", schema, "2000"), latest, "snap1", old, final("snap1-x", schema, "3000"), other,
		"daily-20240101", final("daily-20240101", schema, "5"), "daily", "snap1-1795410459999", final(latest, schema, "7"), latest,
	}
	for what, test := range map[string]struct {
		want, schema string
		meant        []string
	}{
		"the very tag before the newest":         {"snap1", "", []string{"snap1", other, latest, middle, old}},
		"those of one schema version":            {"snap1", schema, []string{latest, old}},
		"a schema version in capitals":           {"snap1", strings.ToUpper(schema2), []string{other, middle}},
		"not what begins alike":                  {"snap", "", nil},
		"not a part":                             {"snap1-" + schema, "", nil},
		"one whose user's tag has a number":      {"daily-20240101", "", []string{"daily-20240101", final("daily-20240101", schema, "5")}},
		"one that is its own beginning":          {"daily", "", []string{"daily"}},
		"a complete tag":                         {old, "", []string{old}},
		"a complete tag that was tagged anew":    {latest, "", []string{latest, final(latest, schema, "7")}},
		"a complete tag of another schema":       {middle, schema, nil},
		"one that is not there":                  {"nothing", "", nil},
		"nothing is not everything":              {"", "", nil},
		"a tag without schema is of no schema's": {"daily", schema, nil},
	} {
		if diff := cmp.Diff(test.meant, manifest.Match(bucket, test.want, test.schema)); diff != "" {
			t.Errorf("%s:\n%s", what, diff)
		}
	}
}
