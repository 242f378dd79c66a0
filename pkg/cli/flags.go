package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// Flag is a field of a request on the command line.
type Flag struct {
	// Name is what help calls it; Short is "" or one letter.
	Name, Short string
	// Aliases are other names, those of the original's tools among them.
	Aliases []string
	// Field is the path of the field in the request, such as "import.sourceDir".
	Field string
	Kind  Kind
	// Default is for help only: the request has its own.
	Default string
	Usage   string
	// Hidden flags are taken and not shown in help.
	Hidden bool
	// Secret flags are not read from files of settings.
	Secret bool
}

// Kind is what a flag takes.
type Kind int

// The kinds of flags.
const (
	// Text takes anything: the request judges it.
	Text Kind = iota
	// Switch takes nothing, or true or false.
	Switch
	// Words may be given several times and become a list.
	Words
	// Joined may be given several times and become one text with commas.
	Joined
	// Pairs may be given several times, as a=b.
	Pairs
)

// Command is the command line of one type of request.
type Command struct {
	Type  string
	Flags []Flag
}

// Register adds the flags of the command, under all their names.
func (c Command) Register(fs *pflag.FlagSet) {
	aliases := map[string]string{}
	for _, f := range c.Flags {
		for _, alias := range f.Aliases {
			aliases[alias] = f.Name
		}
	}
	former := fs.GetNormalizeFunc()
	fs.SetNormalizeFunc(func(fs *pflag.FlagSet, name string) pflag.NormalizedName {
		if canonical, ok := aliases[name]; ok {
			name = canonical
		}
		return former(fs, name)
	})
	for _, f := range c.Flags {
		switch f.Kind {
		case Switch:
			fs.BoolP(f.Name, f.Short, false, f.usage())
		case Words, Joined, Pairs:
			fs.StringArrayP(f.Name, f.Short, nil, f.usage())
		case Text:
			fs.StringP(f.Name, f.Short, "", f.usage())
			fs.Lookup(f.Name).DefValue = f.Default
		}
		fs.Lookup(f.Name).Hidden = f.Hidden
		if f.Secret {
			annotate(fs, f.Name, secretFlag)
		}
	}
}

func (f Flag) usage() string {
	if len(f.Aliases) == 0 {
		return f.Usage
	}
	return f.Usage + " (also --" + strings.Join(f.Aliases, ", --") + ")"
}

// Request makes the request that the flags mean. Fields of extra are added to it.
// The error is a *UsageError that names flags.
func (c Command) Request(fs *pflag.FlagSet, extra map[string]any) (rest.Request, []string, error) {
	tree := map[string]any{"type": c.Type}
	for _, f := range c.Flags {
		if !fs.Changed(f.Name) {
			continue
		}
		value, err := f.value(fs)
		if err != nil {
			return nil, nil, &UsageError{fmt.Errorf("--%s: %w", f.Name, err)}
		}
		put(tree, f.Field, value)
	}
	for field, value := range extra {
		put(tree, field, value)
	}
	body, err := json.Marshal(tree)
	if err != nil {
		return nil, nil, fmt.Errorf("encoding the request: %w", err)
	}
	req, warnings, err := rest.Decode(body)
	if err != nil {
		return nil, nil, c.Explain(err)
	}
	return req, warnings, nil
}

func (f Flag) value(fs *pflag.FlagSet) (any, error) {
	switch f.Kind {
	case Switch:
		return fs.GetBool(f.Name)
	case Text:
		return fs.GetString(f.Name)
	case Words:
		return fs.GetStringArray(f.Name)
	case Joined:
		list, err := fs.GetStringArray(f.Name)
		return strings.Join(list, ","), err
	case Pairs:
		list, err := fs.GetStringArray(f.Name)
		if err != nil {
			return nil, err
		}
		return pairs(list)
	default:
		return nil, fmt.Errorf("a flag of kind %d", f.Kind)
	}
}

// pairs reads a=b,c=d, in as many words as one likes.
func pairs(list []string) (map[string]any, error) {
	table := map[string]any{}
	for _, pair := range strings.Split(strings.Join(list, ","), ",") {
		from, to, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if _, twice := table[from]; !ok || twice {
			return nil, fmt.Errorf("%q is not of the form name=value (of a table: keyspace.table=keyspace.other), or is there twice", pair)
		}
		table[from] = to
	}
	return table, nil
}

// put sets a field, and what is above it.
func put(tree map[string]any, path string, value any) {
	parent, rest, nested := strings.Cut(path, ".")
	if !nested {
		tree[path] = value
		return
	}
	below, ok := tree[parent].(map[string]any)
	if !ok {
		below = map[string]any{}
		tree[parent] = below
	}
	put(below, rest, value)
}

// Explain says of flags what an error says of the fields of a request. An error
// that is not about the request stays as it is.
func (c Command) Explain(err error) error {
	var told *rest.Error
	if !errors.As(err, &told) || len(told.Violations) == 0 {
		return err
	}
	var lines []string
	for _, v := range told.Violations {
		lines = append(lines, c.flagOf(v.Field)+" "+v.Message)
	}
	return &UsageError{errors.New(strings.Join(lines, "\n"))}
}

// flagOf is the flag of a field, or of the field that it is a part of.
func (c Command) flagOf(field string) string {
	for path := field; path != ""; {
		at := slices.IndexFunc(c.Flags, func(f Flag) bool { return f.Field == path })
		if at >= 0 {
			return strings.TrimSpace("--" + c.Flags[at].Name + strings.TrimPrefix(field, path))
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			break
		}
		path = path[:cut]
	}
	return field
}
