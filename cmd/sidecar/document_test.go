package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/icarus-sidecar/icarus/pkg/cli"
)

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// notFlags look like flags of ours in the documents, and are none.
var notFlags = []string{"--help", "--jmx-truststore", "--jmx-password"}

func TestTheDocumentsNameFlagsThatThereAre(t *testing.T) {
	t.Parallel()
	root := newTestCommand()
	sets := flagsBelow(root)
	for _, name := range []string{"cli.md", "verify.md", "restore-in-place.md", "commitlog.md"} {
		for _, flag := range regexp.MustCompile(`--[a-zA-Z][a-zA-Z0-9-]*`).FindAllString(document(t, name), -1) {
			known := false
			for _, fs := range sets {
				known = known || fs.Lookup(flag[2:]) != nil
			}
			if !known && !slices.Contains(notFlags, flag) {
				t.Errorf("%s tells of %s, which no command has", name, flag)
			}
		}
	}
}

func TestTheDocumentNamesAllCommandsAndExitCodes(t *testing.T) {
	t.Parallel()
	text := document(t, "cli.md")
	root := newTestCommand()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if !cmd.Hidden && !strings.Contains(text, "\n| `"+cmd.Name()) {
			t.Errorf("it does not tell of %s", cmd.Name())
		}
	}
	// A row begins with `command`, `icarus command`, or `command sub`, `sub`.
	for _, row := range regexp.MustCompile("(?m)^\\| (?:`[a-z -]+`,? )+\\|").FindAllString(text, -1) {
		names := strings.Fields(strings.NewReplacer("icarus ", "", "`", "", ",", "", "|", "").Replace(row))
		for _, path := range paths(names) {
			if found, rest, err := root.Find(path); err != nil || found == root || len(rest) > 0 {
				t.Errorf("it tells of %v, which is no command: %v", path, err)
			}
		}
	}
	for _, code := range []int{cli.ExitDone, cli.ExitFailed, cli.ExitUsage, cli.ExitCancelled} {
		if !strings.Contains(text, fmt.Sprintf("\n| %d | ", code)) {
			t.Errorf("it does not tell of exit code %d", code)
		}
	}
}

// paths are those of the commands in a row: one, or several below the first.
func paths(names []string) [][]string {
	if len(names) == 1 {
		return [][]string{names}
	}
	var all [][]string
	for _, name := range names[1:] {
		all = append(all, []string{names[0], name})
	}
	return all
}

// Every command can be asked what it does, and its examples name flags that it has.
func TestExamplesOfCommandsAreOfThem(t *testing.T) {
	t.Parallel()
	var check func(cmd *cobra.Command)
	check = func(cmd *cobra.Command) {
		for _, below := range cmd.Commands() {
			check(below)
		}
		if cmd.Short == "" {
			t.Errorf("%s has no words", cmd.CommandPath())
		}
		for _, flag := range regexp.MustCompile(`--[a-zA-Z][a-zA-Z0-9-]*`).FindAllString(cmd.Example, -1) {
			if cmd.Flag(flag[2:]) == nil {
				t.Errorf("an example of %s has %s", cmd.CommandPath(), flag)
			}
		}
	}
	check(newTestCommand())
}
