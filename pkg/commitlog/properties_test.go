package commitlog

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSetProperties(t *testing.T) {
	t.Parallel()
	set := []property{{"a", "1"}, {"b", "2"}}
	for name, c := range map[string]struct{ text, want string }{
		"nothing":                    {"", "a=1\nb=2\n"},
		"others":                     {"x=y\n", "x=y\na=1\nb=2\n"},
		"no end of the last line":    {"x=y", "x=y\na=1\nb=2\n"},
		"a last line that goes on":   {"x=y\\\n", "x=y\\\n\na=1\nb=2\n"},
		"one that goes nowhere":      {"x=y\\", "x=y\\\n\na=1\nb=2\n"},
		"in their place":             {"# about a\na=0\nx=y\nb : 0\n", "# about a\na=1\nx=y\nb=2\n"},
		"several times":              {"a=0\na=9\nb=1\n", "a=1\nb=2\n"},
		"by a blank":                 {"  a 0\n", "a=1\nb=2\n"},
		"without a value":            {"a\nb\n", "a=1\nb=2\n"},
		"that go on":                 {"a=0,\\\n  9\nx=y\n", "a=1\nx=y\nb=2\n"},
		"of another that goes on":    {"x=y,\\\na=0\n", "x=y,\\\na=0\na=1\nb=2\n"},
		"a backslash that is no end": {"x=y\\\\\na=0\n", "x=y\\\\\na=1\nb=2\n"},
		"a comment that ends in one": {"# x\\\na=0\n", "# x\\\na=1\nb=2\n"},
		"comments that look like it": {"#a=0\n! b=0\n", "#a=0\n! b=0\na=1\nb=2\n"},
		"lines of Windows":           {"a=0\r\nx=y\r\n", "a=1\nx=y\r\nb=2\n"},
		"a key that begins so":       {"ab=0\n\n", "ab=0\n\na=1\nb=2\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, setProperties(c.text, set)); diff != "" {
				t.Error(diff)
			}
			if again := setProperties(c.want, set); again != c.want {
				t.Errorf("a second time makes %q", again)
			}
		})
	}
}

func TestEscape(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"2030:01:23 14:36:32": `2030\:01\:23 14\:36\:32`, " x": `\ x`, `a\b`: `a\\b`, "a=b#c!": `a\=b\#c\!`,
		"/srv/é/𝄞": `/srv/\u00E9/\uD834\uDD1E`, "\n": `\u000A`,
	} {
		if got := escape(value); got != want {
			t.Errorf("%q is %q, want %q", value, got, want)
		}
	}
}

func FuzzSetProperties(f *testing.F) {
	f.Add("a=0\n")
	f.Add("# c\\\nx=\\\n a")
	f.Fuzz(func(t *testing.T, text string) {
		set := []property{{"a", "1"}}
		once := setProperties(text, set)
		if !strings.Contains(once, "a=1\n") || setProperties(once, set) != once {
			t.Errorf("%q became %q, then %q", text, once, setProperties(once, set))
		}
	})
}

func FuzzParseKey(f *testing.F) {
	f.Add("commitlog/CommitLog-7-1.log.1000")
	f.Add("commitlog/../CommitLog-7-1.log.1")
	f.Fuzz(func(t *testing.T, key string) {
		a, ok := parseKey(key, 1)
		if !ok {
			return
		}
		if strings.ContainsAny(a.name, "/\\") {
			t.Errorf("%q leads elsewhere, as %q", key, a.name)
		}
		if b, ok := parseKey(keyOf(a.name, a.modified), 1); !ok || b.name != a.name || !b.modified.Equal(a.modified) {
			t.Errorf("%q is read as %+v, then as %+v", key, a, b)
		}
	})
}

// What os.Rename cannot do between file systems.
func TestMoveAcross(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	at := time.UnixMilli(1000)
	if err := errors.Join(os.WriteFile(from, []byte("text"), 0o640), os.Chtimes(from, at, at)); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := moveAcross(ended, from, to); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("after a cancel: %v %v", entries, err)
	}
	if err := moveAcross(t.Context(), from, to); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(to)
	if err != nil || !info.ModTime().Equal(at) || info.Mode().Perm() != 0o640 {
		t.Errorf("%+v %v", info, err)
	}
	if text, err := os.ReadFile(to); err != nil || string(text) != "text" {
		t.Errorf("%q %v", text, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%v %v", entries, err)
	}
}
