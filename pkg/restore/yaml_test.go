package restore_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/restore"
)

func TestEditYAML(t *testing.T) {
	t.Parallel()
	two, one := []string{"-9223372036854775808", "17"}, []string{"-9223372036854775807"}
	cases := map[string]struct {
		before string
		tokens []string
		after  string
		warns  bool
	}{
		"lines at the end":        {"a: b\nnum_tokens: 2\n", two, "a: b\nnum_tokens: 2\nauto_bootstrap: false\ninitial_token: -9223372036854775808,17\n", false},
		"an end without a line":   {"num_tokens: 2", two, "num_tokens: 2\nauto_bootstrap: false\ninitial_token: -9223372036854775808,17\n", false},
		"an empty file":           {"", one, "auto_bootstrap: false\ninitial_token: -9223372036854775807\n", false},
		"lines of their own":      {"auto_bootstrap: true # why\n# initial_token: 1\ninitial_token:\nnum_tokens: 2\n", two, "auto_bootstrap: false # why\n# initial_token: 1\ninitial_token: -9223372036854775808,17\nnum_tokens: 2\n", false},
		"false already":           {"auto_bootstrap: false\nnum_tokens: 1\n", one, "auto_bootstrap: false\nnum_tokens: 1\ninitial_token: -9223372036854775807\n", false},
		"a number of tokens":      {"a: 1\n", two, "a: 1\nauto_bootstrap: false\nnum_tokens: 2\ninitial_token: -9223372036854775808,17\n", false},
		"the ends of Windows":     {"num_tokens: 1\r\nauto_bootstrap: true\r\n", one, "num_tokens: 1\r\nauto_bootstrap: false\r\ninitial_token: -9223372036854775807\r\n", false},
		"tokens that are there":   {"initial_token: 17, -9223372036854775808\n", two, "initial_token: 17, -9223372036854775808\nauto_bootstrap: false\n", false},
		"a token that is there":   {"initial_token: '-9223372036854775807'\n", one, "initial_token: '-9223372036854775807'\nauto_bootstrap: false\n", false},
		"a long one, as a number": {"initial_token: -9223372036854775807 # ours\n", one, "initial_token: -9223372036854775807 # ours\nauto_bootstrap: false\n", false},
		"other tokens":            {"initial_token: -9223372036854775806\nnum_tokens: 9\n", one, "initial_token: -9223372036854775806\nnum_tokens: 9\nauto_bootstrap: false\n", true},
		"words in other places":   {"x:\n  initial_token: 1\n  auto_bootstrap: true\ny: '\n  num_tokens: 9'\n", one, "x:\n  initial_token: 1\n  auto_bootstrap: true\ny: '\n  num_tokens: 9'\nauto_bootstrap: false\ninitial_token: -9223372036854775807\n", false},
		"a name in quotes":        {"\"auto_bootstrap\" : 'true'\n", one, "\"auto_bootstrap\" : false\ninitial_token: -9223372036854775807\n", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, warnings, err := restore.EditYAML([]byte(c.before), c.tokens)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.after, string(got)); diff != "" || len(warnings) > 0 != c.warns {
				t.Errorf("%s\nwarnings %q", diff, warnings)
			}
			again, _, err := restore.EditYAML(got, c.tokens)
			if diff := cmp.Diff(string(got), string(again)); diff != "" || err != nil {
				t.Errorf("a second time it changes: %s, %v", diff, err)
			}
		})
	}
}

func TestEditYAMLRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before string
		tokens []string
	}{
		"no tokens":                    {"a: b\n", nil},
		"a token with a line":          {"a: b\n", []string{"1\nauthenticator: AllowAllAuthenticator"}},
		"another number of tokens":     {"num_tokens: 16\n", []string{"1", "2"}},
		"one setting twice":            {"auto_bootstrap: true\nauto_bootstrap: true\n", []string{"1"}},
		"what is no table":             {"- a\n", []string{"1"}},
		"what is no YAML":              {"a: 'b\n", []string{"1"}},
		"a table in braces":            {"{auto_bootstrap: true}\n", []string{"1"}},
		"what would not be read":       {"a: b\n...\n---\nc: d\n", []string{"1"}},
		"a value of more than a line":  {"auto_bootstrap:\n  true\n", []string{"1"}},
		"a text with a line of a name": {"x: |\n  a\n\"y\nauto_bootstrap: true\"\n", []string{"1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, _, err := restore.EditYAML([]byte(c.before), c.tokens); !errors.Is(err, restore.ErrInvalid) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func TestALinkedCassandraYamlStaysALink(t *testing.T) {
	t.Parallel()
	s := newStopped(t)
	s.r.UpdateYAML = true
	link := filepath.Join(s.dir, "conf", "cassandra.yaml")
	s.put("real/settings.yaml", yamlBefore)
	s.noError(errors.Join(os.Remove(link), os.Symlink("../real/settings.yaml", link)))
	s.must()
	got := s.everything()
	if got["conf/cassandra.yaml"] != "a link" || !strings.HasSuffix(got["real/settings.yaml"], "initial_token: -5,17\n") {
		t.Errorf("%q, %q", got["conf/cassandra.yaml"], got["real/settings.yaml"])
	}
}

// Whatever is edited, its lines but one stay, and a second time changes nothing.
func FuzzEditYAML(f *testing.F) {
	for _, seed := range []string{yamlBefore, "auto_bootstrap: true\r\n", "x: |\n auto_bootstrap: true\n", "initial_token: 1\n", "a: &b c\nd: *b\n", "---\na: b\n...\n"} {
		f.Add(seed)
	}
	tokens := []string{"-5", "17"}
	f.Fuzz(func(t *testing.T, before string) {
		after, _, err := restore.EditYAML([]byte(before), tokens)
		if err != nil {
			return
		}
		ours := func(line string) bool {
			return slices.ContainsFunc([]string{"auto_bootstrap", "initial_token", "num_tokens"}, func(name string) bool { return strings.Contains(line, name) })
		}
		kept := map[string]bool{}
		for line := range strings.Lines(string(after)) {
			kept[strings.TrimRight(line, "\r\n")] = true
		}
		for line := range strings.Lines(before) {
			if line = strings.TrimRight(line, "\r\n"); !kept[line] && !ours(line) {
				t.Errorf("line %q of %q is gone in %q", line, before, after)
			}
		}
		again, _, err := restore.EditYAML(after, tokens)
		if err != nil || string(again) != string(after) {
			t.Errorf("%q becomes %q and then %q, %v", before, after, again, err)
		}
	})
}
