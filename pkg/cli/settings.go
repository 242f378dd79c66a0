package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// maxSettings is a hundred times what a file with every flag has.
const maxSettings = 1 << 20

// Settings are what a file says: flags by their names, in YAML. An error about one
// is a line that names the file, the line in it and the key, and never a value,
// which may be a secret that was put in the wrong place.
type Settings struct {
	path string
	list []setting
}

// setting is one flag of the file.
type setting struct {
	key   string
	line  int
	value *yaml.Node
}

// ReadSettings reads a file of settings. What its keys mean is for Apply to say.
func ReadSettings(path string) (*Settings, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the settings: %w", err)
	}
	defer file.Close()
	body, err := io.ReadAll(io.LimitReader(file, maxSettings+1))
	if err != nil {
		return nil, fmt.Errorf("reading the settings: %w", err)
	}
	s := &Settings{path: path}
	if len(body) > maxSettings {
		return nil, s.wrong(0, "it has more than %d bytes", maxSettings)
	}
	return s, s.parse(body)
}

// parse takes the document apart.
func (s *Settings) parse(body []byte) error {
	decoder := yaml.NewDecoder(bytes.NewReader(body))
	var document, second yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) {
		return nil // nothing but comments
	}
	if err != nil {
		return s.malformed(err)
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		if err != nil {
			return s.malformed(err)
		}
		return s.wrong(second.Line, "a second document begins, and there can be one")
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		return nil
	}
	if root.Kind != yaml.MappingNode {
		return s.wrong(root.Line, "there is no setting of the form flag: value")
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key := root.Content[i]
		if key.Kind != yaml.ScalarNode {
			return s.wrong(key.Line, "the name of a flag must stand before the colon")
		}
		s.list = append(s.list, setting{key: key.Value, line: key.Line, value: root.Content[i+1]})
	}
	return nil
}

// malformed tells of a file that is no YAML. The library's own text names the line.
func (s *Settings) malformed(err error) error {
	text, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "yaml: "), "\n")
	return s.wrong(0, "it is no YAML: %s", text)
}

func (s *Settings) wrong(line int, format string, args ...any) error {
	at := s.path
	if line > 0 {
		at = fmt.Sprintf("%s:%d", at, line)
	}
	return &UsageError{fmt.Errorf("%s: %s", at, fmt.Sprintf(format, args...))}
}

// Apply sets the flags that the file names and that are not set yet. Those that
// only another command has are passed over: one file may be for several.
func (s *Settings) Apply(fs *pflag.FlagSet, others []*pflag.FlagSet) error {
	given := map[string]setting{}
	for _, set := range s.list {
		f := fs.Lookup(set.key)
		if f == nil {
			if slices.ContainsFunc(others, func(other *pflag.FlagSet) bool { return other.Lookup(set.key) != nil }) {
				continue
			}
			return s.wrong(set.line, "%.100q is no flag%s", set.key, hint(set.key, append(others, fs)))
		}
		former, twice := given[f.Name]
		given[f.Name] = set
		switch {
		case twice:
			return s.wrong(set.line, "%s is there already, in line %d", set.key, former.line)
		case isSecret(f):
			return s.wrong(set.line, "%s is a secret, which belongs in the environment", set.key)
		case !isSetting(f):
			return s.wrong(set.line, "%s cannot be set in a file", set.key)
		}
		if err := s.apply(fs, f, set); err != nil {
			return err
		}
	}
	return nil
}

// apply sets one flag, unless it is set already.
func (s *Settings) apply(fs *pflag.FlagSet, f *pflag.Flag, set setting) error {
	values, ok := valuesOf(f, set.value)
	if f.Changed {
		values = nil
	}
	for _, value := range values {
		ok = ok && fs.Set(f.Name, value) == nil // the text of its error has the value
	}
	if !ok {
		return s.wrong(set.line, "%s must be %s", set.key, wanted(f))
	}
	return nil
}

// The types of flags that there are, as pflag calls them.
const (
	typeBool     = "bool"
	typeInt      = "int"
	typeDuration = "duration"
	typeArray    = "stringArray"
	typeSlice    = "stringSlice"
)

// isList tells of flags that may be repeated.
func isList(f *pflag.Flag) bool {
	_, ok := f.Value.(pflag.SliceValue)
	return ok
}

// valuesOf are what a flag is to be set to, one after another.
func valuesOf(f *pflag.Flag, value *yaml.Node) ([]string, bool) {
	if value.Kind == yaml.SequenceNode && isList(f) {
		values := make([]string, 0, len(value.Content))
		for _, item := range value.Content {
			if !isScalar(f, item) {
				return nil, false
			}
			values = append(values, item.Value)
		}
		return values, true
	}
	return []string{value.Value}, isScalar(f, value)
}

// isScalar tells whether a value of YAML is one of the flag's. To a text every
// scalar is its characters, so that a tag of digits needs no quotes.
func isScalar(f *pflag.Flag, value *yaml.Node) bool {
	if value.Kind != yaml.ScalarNode {
		return false
	}
	switch tag := value.ShortTag(); f.Value.Type() {
	case typeBool:
		return tag == "!!bool"
	case typeInt:
		return tag == "!!int"
	default:
		return tag != "!!null"
	}
}

// wanted says what a flag takes.
func wanted(f *pflag.Flag) string {
	switch f.Value.Type() {
	case typeBool:
		return "true or false"
	case typeInt:
		return "a whole number"
	case typeDuration:
		return `a time such as "1h" or "90s"`
	case typeArray, typeSlice:
		return "a list of texts, or one"
	default:
		return "a text"
	}
}
