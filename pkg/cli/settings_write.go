package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// Annotations of flags.
const (
	// secretFlag marks what others must not see.
	secretFlag = "icarus_secret"
	// commandFlag marks what makes sense on a command line only.
	commandFlag = "icarus_command"
)

// OnCommandLine marks a flag that no file can set.
func OnCommandLine(fs *pflag.FlagSet, name string) { annotate(fs, name, commandFlag) }

func annotate(fs *pflag.FlagSet, name, as string) {
	f := fs.Lookup(name)
	if f.Annotations == nil {
		f.Annotations = map[string][]string{}
	}
	f.Annotations[as] = []string{"true"}
}

func isSecret(f *pflag.Flag) bool { return f.Annotations[secretFlag] != nil }

// isSetting tells of the flags that a file can set.
func isSetting(f *pflag.Flag) bool {
	return f.Annotations[commandFlag] == nil && f.Name != "help" && f.Name != "version"
}

// WriteSettings writes flags as the file that says the same: each with what it is
// for and its default, which is commented out, and what it is set to where it is.
func WriteSettings(w io.Writer, fs *pflag.FlagSet, heading string) error {
	var out bytes.Buffer
	comment(&out, heading)
	var failed error
	fs.VisitAll(func(f *pflag.Flag) {
		if failed != nil || f.Hidden || isSecret(f) || !isSetting(f) {
			return
		}
		out.WriteByte('\n')
		comment(&out, f.Usage)
		failed = writeSetting(&out, f)
	})
	if failed != nil {
		return failed
	}
	_, err := w.Write(out.Bytes())
	return err
}

func writeSetting(out *bytes.Buffer, f *pflag.Flag) error {
	standard, err := line(f, defaultsOf(f))
	if err != nil {
		return err
	}
	out.WriteString("#" + standard)
	if !f.Changed {
		return nil
	}
	values := []string{f.Value.String()}
	if list, ok := f.Value.(pflag.SliceValue); ok {
		values = list.GetSlice()
	}
	now, err := line(f, values)
	out.WriteString(now)
	return err
}

// defaultsOf is what a flag is that nobody sets; no list has a default.
func defaultsOf(f *pflag.Flag) []string {
	if isList(f) {
		return nil
	}
	return []string{f.DefValue}
}

// line is a setting, which YAML may part into several lines.
func line(f *pflag.Flag, values []string) (string, error) {
	scalars := make([]*yaml.Node, 0, len(values))
	for _, value := range values {
		scalar := &yaml.Node{}
		scalar.SetString(value)
		if kind := f.Value.Type(); kind == typeBool || kind == typeInt {
			scalar.Tag = "" // as it stands, without the quotes of a text
		}
		scalars = append(scalars, scalar)
	}
	value := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle, Content: scalars}
	if !isList(f) {
		value = scalars[0]
	}
	text, err := yaml.Marshal(&yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: f.Name}, value}})
	if err != nil {
		return "", fmt.Errorf("writing --%s: %w", f.Name, err)
	}
	return string(text), nil
}

// comment writes a text in lines that a terminal has room for.
func comment(out *bytes.Buffer, text string) {
	const width = 90
	for paragraph := range strings.SplitSeq(text, "\n") {
		at := 0
		for word := range strings.FieldsSeq(paragraph) {
			switch {
			case at == 0:
				out.WriteString("#")
			case at+len(word) > width:
				out.WriteString("\n#")
				at = 0
			}
			out.WriteString(" " + word)
			at += 1 + len(word)
		}
		if at == 0 {
			out.WriteString("#")
		}
		out.WriteByte('\n')
	}
}

// hint is the flag that was perhaps meant by a name that is none.
func hint(name string, sets []*pflag.FlagSet) string {
	const farthest = 3
	best, distance := "", min(farthest, len(name)/2)+1
	for _, fs := range sets {
		fs.VisitAll(func(f *pflag.Flag) {
			d := edits(name, f.Name)
			if nearer := d < distance || d == distance && f.Name < best; nearer && isSetting(f) {
				best, distance = f.Name, d
			}
		})
	}
	if best == "" {
		return "; the keys are those of --help, without the dashes"
	}
	return "; there is " + best
}

// edits are how many letters must be put in, left out or replaced to make b of a.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		above := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := above
			if a[i] != b[j] {
				cost++
			}
			above = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
