package restore

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"sigs.k8s.io/yaml"
)

const (
	yamlFile = "cassandra.yaml"
	// maxYAML is a thousand times what Cassandra's own has.
	maxYAML = 64 << 20

	settingBootstrap = "auto_bootstrap"
	settingTokens    = "initial_token"
	settingNumTokens = "num_tokens"
)

// settings are those of cassandra.yaml; none where there is no such file.
type settings struct {
	path   string // links resolved
	body   []byte
	parsed map[string]any
}

// readSettings reads cassandra.yaml. That it is missing matters only where it is
// to be changed.
func (j *inPlace) readSettings() (settings, error) {
	if j.ConfigDir == "" {
		return settings{}, nil
	}
	path, err := filepath.EvalSymlinks(filepath.Join(j.ConfigDir, yamlFile))
	if errors.Is(err, fs.ErrNotExist) && !j.UpdateYAML {
		return settings{}, nil
	}
	if err != nil {
		return settings{}, fmt.Errorf("looking for %s: %w", yamlFile, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return settings{}, fmt.Errorf("reading %s: %w", yamlFile, err)
	}
	body, err := readWhole(f, maxYAML)
	if err != nil {
		return settings{}, fmt.Errorf("reading %s: %w", path, err)
	}
	parsed, err := parseYAML(body)
	if err != nil {
		return settings{}, fmt.Errorf("reading %s: %w", path, err)
	}
	return settings{path, body, parsed}, nil
}

// parseYAML reads a document as a table.
func parseYAML(body []byte) (map[string]any, error) {
	parsed := map[string]any{}
	if err := yaml.Unmarshal(body, &parsed); err != nil {
		// The parser's error may quote the file, in which there are passwords.
		return nil, fmt.Errorf("%w: it is no table of settings in YAML", ErrInvalid)
	}
	return parsed, nil
}

// yamlEdit is what cassandra.yaml is to become.
type yamlEdit struct {
	path string
	body []byte
}

// planYAML finds out what cassandra.yaml is to become; nil if it stays as it is.
func (j *inPlace) planYAML(s settings, tokens []string) (*yamlEdit, error) {
	j.compareDataDirs(s)
	if !j.UpdateYAML {
		return nil, nil //nolint:nilnil // there is nothing to change
	}
	body, warnings, err := editYAML(s.body, tokens)
	if err != nil {
		return nil, fmt.Errorf("changing %s: %w", s.path, err)
	}
	j.warnings = append(j.warnings, warnings...)
	if bytes.Equal(body, s.body) {
		return nil, nil //nolint:nilnil // there is nothing to change
	}
	dir := filepath.Dir(s.path)
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return nil, fmt.Errorf("changing %s: %w", s.path, &fs.PathError{Op: "access", Path: dir, Err: err})
	}
	return &yamlEdit{s.path, body}, nil
}

// compareDataDirs warns where Cassandra would look elsewhere for its data.
func (j *inPlace) compareDataDirs(s settings) {
	list, _ := s.parsed["data_file_directories"].([]any)
	theirs, ours := make([]string, 0, len(list)), make([]string, 0, len(j.DataDirs))
	for _, dir := range list {
		theirs = append(theirs, filepath.Clean(fmt.Sprint(dir)))
	}
	for _, dir := range j.DataDirs {
		ours = append(ours, filepath.Clean(dir))
	}
	if len(theirs) > 0 && !slices.Equal(sorted(theirs), sorted(ours)) {
		j.warn("%s names the data directories %s, and data is restored into %s", s.path, strings.Join(theirs, ", "), strings.Join(ours, ", "))
	}
}

// tokenForm is of the tokens of all partitioners, and of nothing that means
// something in YAML.
var tokenForm = regexp.MustCompile(`^-?[0-9A-Za-z]{1,200}$`)

// editYAML makes a node own tokens without asking others for data. It changes
// lines of their own and adds some at the end; all others stay as they are. An
// initial_token that is there stays, too.
func editYAML(body []byte, tokens []string) (edited []byte, warnings []string, err error) {
	before, err := parseYAML(body)
	if err != nil {
		return nil, nil, err
	}
	if err := checkTokenForms(tokens); err != nil {
		return nil, nil, err
	}
	changes := [][2]string{{settingBootstrap, "false"}}
	switch own := before[settingTokens]; {
	case own == nil:
		number, err := numTokens(before, len(tokens))
		if err != nil {
			return nil, nil, err
		}
		changes = append(changes, [2]string{settingNumTokens, number}, [2]string{settingTokens, strings.Join(tokens, ",")})
	case !sameTokens(body, fmt.Sprint(own), tokens):
		warnings = append(warnings, "cassandra.yaml has an initial_token that is not the backup's; it stays, and a node that is new will not own what is restored")
	}
	edited, want := body, maps.Clone(before)
	for _, change := range changes {
		name, value := change[0], change[1]
		if value == "" {
			continue
		}
		if edited, err = setLine(edited, name, value); err != nil {
			return nil, nil, err
		}
		parsed, err := parseYAML([]byte(name + ": " + value))
		if err != nil {
			return nil, nil, err
		}
		want[name] = parsed[name]
	}
	// What is read back must be what was there, and the changes.
	after, err := parseYAML(edited)
	if err != nil || !reflect.DeepEqual(after, want) {
		return nil, nil, fmt.Errorf("%w: its form is not understood; write %s and %s on lines of their own", ErrInvalid, settingBootstrap, settingTokens)
	}
	return edited, warnings, nil
}

func checkTokenForms(tokens []string) error {
	if len(tokens) == 0 {
		return fmt.Errorf("%w: the backup has no tokens", ErrInvalid)
	}
	for _, token := range tokens {
		if !tokenForm.MatchString(token) {
			return fmt.Errorf("%w: %.100q is no token", ErrInvalid, token)
		}
	}
	return nil
}

// numTokens is what num_tokens has to be, and "" if it is that. Cassandra starts
// with no other number.
func numTokens(before map[string]any, tokens int) (string, error) {
	given := before[settingNumTokens]
	switch {
	case given == nil && tokens == 1, fmt.Sprint(given) == strconv.Itoa(tokens):
		return "", nil
	case given == nil:
		return strconv.Itoa(tokens), nil
	}
	return "", fmt.Errorf("%w: %s is %v, and the backup has %d tokens: Cassandra would not start", ErrInvalid, settingNumTokens, given, tokens)
}

// sameTokens compares the initial_token that is there. A single number is read
// from its line: as a number it has lost its last digits.
func sameTokens(body []byte, own string, tokens []string) bool {
	if m := lineOf(settingTokens).FindSubmatch(body); m != nil {
		own = strings.Trim(string(m[2]), `"'`)
	}
	theirs := strings.FieldsFunc(own, func(r rune) bool { return r == ',' || r == ' ' })
	return slices.Equal(sorted(theirs), sorted(tokens))
}

// lineOf finds a setting that begins its line: what is before the value, the
// value, and what is after.
func lineOf(name string) *regexp.Regexp {
	return regexp.MustCompile(`(?m)^(["']?` + name + `["']?[ \t]*:)[ \t]*([^#\r\n]*?)([ \t]+#[^\r\n]*|[ \t]*)(\r?)$`)
}

// setLine gives a setting a value, on its line or, where it has none, on one at
// the end.
func setLine(body []byte, name, value string) ([]byte, error) {
	line := lineOf(name)
	switch len(line.FindAllIndex(body, 2)) { //nolint:mnd // one, and one too many
	case 0:
		end := "\n"
		if bytes.Contains(body, []byte("\r\n")) {
			end = "\r\n"
		}
		body = slices.Clone(body)
		if len(body) > 0 && body[len(body)-1] != '\n' {
			body = append(body, end...)
		}
		return append(body, name+": "+value+end...), nil
	case 1:
		return line.ReplaceAll(body, []byte("${1} "+value+"${3}${4}")), nil
	}
	return nil, fmt.Errorf("%w: %s is there twice", ErrInvalid, name)
}
