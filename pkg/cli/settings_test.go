package cli_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/icarus-sidecar/icarus/pkg/cli"
)

// machine has a flag of each type.
type machine struct {
	name, config string
	on           bool
	speed        int
	pause        time.Duration
	tools, parts []string
}

func (m *machine) flags() *pflag.FlagSet {
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.StringVarP(&m.name, "name", "n", "nobody", "what it is called, which may take so many words that they do not go into one line of a terminal at all")
	flags.BoolVar(&m.on, "switched-on", false, "whether it runs")
	flags.IntVar(&m.speed, "speed", 10, "how fast")
	flags.DurationVar(&m.pause, "pause", time.Hour, "how long it rests")
	flags.StringArrayVar(&m.tools, "tool", nil, "a tool")
	flags.StringSliceVar(&m.parts, "parts", nil, "parts")
	flags.StringVar(&m.config, "config", "", "file")
	cli.OnCommandLine(flags, "config")
	cli.Command{Flags: []cli.Flag{{Name: "password", Secret: true}, {Name: "storage-location", Aliases: []string{"sl"}}}}.Register(flags)
	return flags
}

func settingsFile(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "settings.yaml")
	noError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// read applies a file to the flags of a machine.
func (m *machine) read(flags *pflag.FlagSet, path string) error {
	s, err := cli.ReadSettings(path)
	if err != nil {
		return err
	}
	other := pflag.NewFlagSet("other", pflag.ContinueOnError)
	other.String("rate", "", "")
	return s.Apply(flags, []*pflag.FlagSet{other})
}

func TestAFileSetsFlags(t *testing.T) {
	t.Parallel()
	standard := machine{name: "nobody", speed: 10, pause: time.Hour, tools: []string{}, parts: []string{}}
	for name, c := range map[string]struct {
		text   string
		change func(m *machine)
	}{
		"none where it is empty":               {"", func(*machine) {}},
		"none where all is a comment":          {"# name: x\n---\n", func(*machine) {}},
		"a text":                               {"name: someone", func(m *machine) { m.name = "someone" }},
		"a text of nothing":                    {"name: ''", func(m *machine) { m.name = "" }},
		"a text that looks like a number":      {"name: 0123", func(m *machine) { m.name = "0123" }},
		"a text that looks like a switch":      {"name: true", func(m *machine) { m.name = "true" }},
		"a text that looks like a time of day": {"name: 12:30:45", func(m *machine) { m.name = "12:30:45" }},
		"a switch":                             {"switched-on: true", func(m *machine) { m.on = true }},
		"a number and a time":                  {"speed: 3\npause: 90s\n", func(m *machine) { m.speed, m.pause = 3, 90*time.Second }},
		"a list":                               {"tool: [\"a,b\", c]\nparts:\n  - d\n  - e\n", func(m *machine) { m.tools, m.parts = []string{"a,b", "c"}, []string{"d", "e"} }},
		"a list of one without brackets":       {"tool: a", func(m *machine) { m.tools = []string{"a"} }},
		"a list of none":                       {"tool: []", func(*machine) {}},
		"and none of other commands":           {"rate: 1d\nspeed: 3\n", func(m *machine) { m.speed = 3 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, want := machine{tools: []string{}, parts: []string{}}, standard
			flags := got.flags()
			got.tools, got.parts = []string{}, []string{}
			noError(t, got.read(flags, settingsFile(t, c.text)))
			c.change(&want)
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(machine{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAFileKnowsFlagsByTheirOtherNames(t *testing.T) {
	t.Parallel()
	var m machine
	flags := m.flags()
	noError(t, m.read(flags, settingsFile(t, "sl: s3://b1b")))
	if got, err := flags.GetString("storage-location"); err != nil || got != "s3://b1b" {
		t.Errorf("it is %q, %v", got, err)
	}
}

func TestWhatIsSetAlreadyStays(t *testing.T) {
	t.Parallel()
	var m machine
	flags := m.flags()
	noError(t, flags.Parse([]string{"--speed", "7", "--tool", "x"}))
	noError(t, m.read(flags, settingsFile(t, "speed: 3\ntool: [a]\nname: someone\n")))
	if m.speed != 7 || !cmp.Equal(m.tools, []string{"x"}) || m.name != "someone" {
		t.Errorf("it is %+v", m)
	}
}

func TestAFileThatIsWrongIsRefusedInOneLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want string // behind the path
	}{
		"a key that is none":                 {"name: x\nsped: hunter2", `:2: "sped" is no flag; there is speed`},
		"a key in another spelling":          {"switchedOn: hunter2", `:1: "switchedOn" is no flag; there is switched-on`},
		"a key that is near another's":       {"rote: 1d", `:1: "rote" is no flag; there is rate`},
		"a key that is near none":            {"completely-different: hunter2", `:1: "completely-different" is no flag; the keys are`},
		"a key twice":                        {"name: x\n\nname: hunter2", ":3: name is there already, in line 1"},
		"a key twice under two names":        {"storage-location: x\nsl: hunter2", ":2: sl is there already, in line 1"},
		"a switch that is a text":            {"switched-on: hunter2", ":1: switched-on must be true or false"},
		"a switch that is a text of true":    {`switched-on: "true"`, ":1: switched-on must be true or false"},
		"a number that is a text":            {"speed: hunter2", ":1: speed must be a whole number"},
		"a number with a fraction":           {"speed: 1.5", ":1: speed must be a whole number"},
		"a number that is too large":         {"speed: 99999999999999999999", ":1: speed must be a whole number"},
		"a time without a unit":              {"pause: 17", ":1: pause must be a time such as"},
		"a list for one":                     {"name: [hunter2]", ":1: name must be a text"},
		"a table":                            {"name:\n  hunter2: x", ":1: name must be a text"},
		"nothing":                            {"name:", ":1: name must be a text"},
		"a list of lists":                    {"tool: [[hunter2]]", ":1: tool must be a list of texts, or one"},
		"a list with nothing":                {"tool: [a, ~]", ":1: tool must be a list of texts, or one"},
		"a reference":                        {"name: &a hunter2\ntool: *a", ":2: tool must be a list of texts, or one"},
		"a secret":                           {"password: hunter2", ":1: password is a secret, which belongs in the environment"},
		"itself":                             {"config: hunter2", ":1: config cannot be set in a file"},
		"no table":                           {"- hunter2", ":1: there is no setting of the form flag: value"},
		"a key that is a list":               {"[hunter2]: x", ":1: the name of a flag must stand before the colon"},
		"two documents":                      {"name: x\n---\nspeed: 3\n", ":2: a second document begins"},
		"no YAML":                            {"name: x\n\tspeed: [", ": it is no YAML: line 2: "},
		"what is wrong where nobody uses it": {"speed: hunter2\nrate: 1d", ":1: speed must be"},
		"more than anyone writes":            {"#" + strings.Repeat("x", 1<<20), ": it has more than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var m machine
			path := settingsFile(t, c.text)
			err := m.read(m.flags(), path)
			if err == nil || !strings.HasPrefix(err.Error(), path+c.want) || strings.ContainsAny(err.Error(), "\n") {
				t.Errorf("the error is %v, not %s%s", err, path, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows the value: %v", err)
			}
			if cli.ExitCode(err) != cli.ExitUsage {
				t.Errorf("it exits with %d", cli.ExitCode(err))
			}
		})
	}
}

func TestAFileThatCannotBeRead(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing")
	if _, err := cli.ReadSettings(missing); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), missing) {
		t.Error(err)
	}
	if _, err := cli.ReadSettings(t.TempDir()); err == nil {
		t.Error("a directory is read")
	}
}

// uncommented is a file of settings in which every default is set.
func uncommented(text string) string {
	return regexp.MustCompile(`(?m)^#([a-z][a-z-]*:)`).ReplaceAllString(text, "$1")
}

func TestWhatIsWrittenReadsAsTheSame(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"the defaults": nil,
		"all set": {
			"--name", "it's: [\"odd\"] # 1", "--switched-on", "--speed", "3", "--pause", "90s", "--tool", "a,b", "--tool", "c: d", "--parts", "e,f",
		},
		"texts that look otherwise": {"--name", "0123", "--tool", "true", "--tool", "~", "--tool", ""},
		"a text of several lines":   {"--name", "one\ntwo"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var given, read machine
			flags := given.flags()
			noError(t, flags.Parse(args))
			var text bytes.Buffer
			noError(t, cli.WriteSettings(&text, flags, "Settings.\n\nAll of them."))
			noError(t, read.read(read.flags(), settingsFile(t, text.String())))
			if diff := cmp.Diff(given, read, cmp.AllowUnexported(machine{})); diff != "" {
				t.Errorf("%s\n%s", diff, &text)
			}
			if len(args) > 0 {
				return
			}
			read = machine{}
			noError(t, read.read(read.flags(), settingsFile(t, uncommented(text.String()))))
			if diff := cmp.Diff(given, read, cmp.AllowUnexported(machine{})); diff != "" {
				t.Errorf("its defaults: %s\n%s", diff, &text)
			}
		})
	}
}

func TestWhatIsWrittenIsForPeople(t *testing.T) {
	t.Parallel()
	var m machine
	flags := m.flags()
	noError(t, flags.Parse([]string{"--speed", "3", "--password", "hunter2", "--config", "x"}))
	var text bytes.Buffer
	noError(t, cli.WriteSettings(&text, flags, "Settings.\n\nAll of them."))
	const want = `# Settings.
#
# All of them.

# what it is called, which may take so many words that they do not go into one line of a
# terminal at all
#name: nobody

# whether it runs
#switched-on: false

# how fast
#speed: 10
speed: 3

# how long it rests
#pause: 1h0m0s

# a tool
#tool: []

# parts
#parts: []

# (also --sl)
#storage-location: ""
`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Error(diff)
	}
}

// Whatever a file holds, it is read or refused in one line that names it.
func FuzzSettings(f *testing.F) {
	for _, text := range []string{
		"name: x\nspeed: 3\ntool: [a, b]\n", "pause: 1h", "switched-on: true", "a: &x [*x]", "? [a]\n: b", "<<: {name: x}", "%YAML 9.9\n---\n", "name: !!binary aGk=", "\xff\xfe",
	} {
		f.Add([]byte(text))
	}
	path := filepath.Join(f.TempDir(), "settings.yaml")
	f.Fuzz(func(t *testing.T, text []byte) {
		noError(t, os.WriteFile(path, text, 0o600))
		var m machine
		err := m.read(m.flags(), path)
		if err != nil && (!strings.HasPrefix(err.Error(), path+":") || strings.Contains(err.Error(), "\n")) {
			t.Errorf("the error is %q", err)
		}
	})
}
