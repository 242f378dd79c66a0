package main

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/icarus-sidecar/icarus/pkg/cli"
)

func TestSettingsComeFromAFile(t *testing.T) {
	t.Run("and the environment goes before, and the command line before that", func(t *testing.T) {
		s := newShell(t, 1)
		file := write(t, "snapshot-tag: of-the-file\nentities: shop\ncreate-missing-bucket: true\nstorage-location: "+s.bucket+"\n")
		s.done("backup --config " + file)
		s.env["ICARUS_CONFIG"], s.env["ICARUS_SNAPSHOT_TAG"] = file, "of-the-environment"
		s.done("backup")
		s.done("backup --st of-the-line")
		names := strings.Fields(s.done("list --simple-format"))
		for i, want := range []string{"of-the-line-", "of-the-environment-", "of-the-file-"} {
			if len(names) != 3 || !strings.HasPrefix(names[i], want) {
				t.Fatalf("the backups are %v", names)
			}
		}
	})
	t.Run("for the server of a path of its own, if it is there", func(t *testing.T) {
		s := newShell(t, 1)
		s.settings = write(t, "listen: 10.0.0.1:4567\n")
		for _, command := range []string{"server", "icarus"} {
			if _, _, err := s.run(t.Context(), command); err == nil || !strings.Contains(err.Error(), "--listen 10.0.0.1:4567") {
				t.Errorf("%s: %v", command, err)
			}
		}
		named := write(t, "listen: 10.0.0.2:4567\n")
		if _, _, err := s.run(t.Context(), "server --config "+named); err == nil || !strings.Contains(err.Error(), "--listen 10.0.0.2:4567") {
			t.Errorf("where another is named: %v", err)
		}
		if _, _, err := s.run(t.Context(), "server --config= --workers 0"); err == nil || !strings.Contains(err.Error(), "--workers") {
			t.Errorf("where none is wanted: %v", err)
		}
		s.settings = filepath.Join(s.dir, "missing")
		if _, _, err := s.run(t.Context(), "server --workers 0"); err == nil || !strings.Contains(err.Error(), "--workers") {
			t.Errorf("where none is there: %v", err)
		}
		s.settings = s.dir
		if _, _, err := s.run(t.Context(), "server --workers 0"); cli.ExitCode(err) != cli.ExitUsage || !strings.Contains(err.Error(), s.dir) {
			t.Errorf("where it cannot be read: %v", err)
		}
		if _, _, err := s.run(t.Context(), "list --sl nowhere"); err == nil || !strings.Contains(err.Error(), "--storage-location") {
			t.Errorf("for another command: %v", err)
		}
	})
	t.Run("and what is wrong is refused", func(t *testing.T) {
		s := newShell(t, 1)
		for name, c := range map[string]struct{ line, text, want string }{
			"a key that is none":            {"server", "lisen: x", ":1: \"lisen\" is no flag; there is listen"},
			"a number that is none":         {"server", "\nworkers: x", ":2: workers must be a whole number"},
			"what is so for other commands": {"operations ls", "workers: 3\nserver: [x]", ":2: server must be a text"},
			"a secret":                      {"list", "proxy-password: hunter2", ":1: proxy-password is a secret"},
		} {
			file := write(t, c.text)
			_, _, err := s.run(t.Context(), c.line+" --config "+file)
			if cli.ExitCode(err) != cli.ExitUsage || !strings.Contains(err.Error(), file+c.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, _, err := s.run(t.Context(), "list --sl x --config /no/such"); cli.ExitCode(err) != cli.ExitUsage || !strings.Contains(err.Error(), "/no/such") {
			t.Errorf("a file that is missing: %v", err)
		}
	})
	t.Run("and the version needs none", func(t *testing.T) {
		s := newShell(t, 1)
		s.env["ICARUS_CONFIG"] = "/no/such"
		s.done("version")
	})
}

// serverFlagsAfter are the flags of the server after a command line of config.
func serverFlagsAfter(t *testing.T, s *shell, line string) *pflag.FlagSet {
	t.Helper()
	cmd := newServerCommand()
	fs := cmd.Flags()
	if err := fs.Parse(strings.Fields(line)); err != nil {
		t.Fatal(err)
	}
	p := program{settings: s.settings, lookup: func(string) (string, bool) { return "", false }}
	root := &cobra.Command{}
	root.AddCommand(cmd)
	if err := p.bindFile(cmd); err != nil {
		t.Fatal(err)
	}
	return fs
}

func valuesIn(fs *pflag.FlagSet) map[string]string {
	values := map[string]string{}
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Name != configFlag && !f.Hidden {
			values[f.Name] = f.Value.String()
		}
	})
	return values
}

// What config prints, a package installs: as it is it changes nothing, and neither
// does a line of it whose comment sign somebody takes away.
func TestTheSettingsThatArePrintedAreTheDefaults(t *testing.T) {
	s := newShell(t, 1)
	text := s.done("config")
	defaults := valuesIn(newServerCommand().Flags())
	flag := regexp.MustCompile(`(?m)^#([a-z][a-z-]*):`)
	var printed []string
	for _, m := range flag.FindAllStringSubmatch(text, -1) {
		printed = append(printed, m[1])
	}
	for name := range defaults {
		if !slices.Contains(printed, name) {
			t.Errorf("%s is not there", name)
		}
	}
	for name, file := range map[string]string{"as it is": text, "without comment signs": flag.ReplaceAllString(text, "$1:")} {
		s.settings = write(t, file)
		for flag, value := range valuesIn(serverFlagsAfter(t, s, "")) {
			if value != defaults[flag] {
				t.Errorf("%s: --%s is %q, not %q", name, flag, value, defaults[flag])
			}
		}
	}
}

func TestTheSettingsThatArePrintedAreThoseInEffect(t *testing.T) {
	s := newShell(t, 1)
	s.settings = write(t, "workers: 3\nlisten: 10.0.0.1:4567\nallow-directory: [/srv/a, \"/srv/b,c\"]\n")
	s.env["ICARUS_LISTEN"] = "10.0.0.2:4567"
	text := s.done("config --state-dir /srv/state --enable-operations truncate,removenode --operations-expiration 90m")
	want := map[string]string{
		"workers": "3", "listen": "10.0.0.2:4567", "allow-directory": `[/srv/a,"/srv/b,c"]`, "state-dir": "/srv/state",
		"enable-operations": "[truncate,removenode]", "operations-expiration": "1h30m0s", "log-format": "json",
	}
	s.settings = write(t, text)
	got := valuesIn(serverFlagsAfter(t, s, ""))
	for name, value := range want {
		if got[name] != value {
			t.Errorf("--%s is %s, not %s", name, got[name], value)
		}
	}
	s.env = map[string]string{}
	if again := s.done("config"); again != text {
		t.Errorf("read again, it is\n%s", again)
	}
}
