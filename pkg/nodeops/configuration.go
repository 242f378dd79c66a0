package nodeops

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/icarus-sidecar/icarus/api/rest"
)

const (
	// maxConfiguration is far above Cassandra's own cassandra.yaml, of 100 KB.
	maxConfiguration = 1 << 20
	concealed        = "***"
)

// Configuration is the node's cassandra.yaml, without its secrets.
func (i Info) Configuration(ctx context.Context) ([]byte, error) {
	files, err := i.Node.ConfigurationFiles(ctx)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		body, err := readConfiguration(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading Cassandra's configuration: %w", err)
		}
		return hideSecrets(body)
	}
	return nil, &rest.Error{
		Code:    http.StatusNotFound,
		Message: fmt.Sprintf("the sidecar does not see Cassandra's configuration, which is one of %.1000s", strings.Join(files, ", ")),
	}
}

func readConfiguration(path string) (body []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if body, err = io.ReadAll(io.LimitReader(f, maxConfiguration+1)); err == nil && len(body) > maxConfiguration {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxConfiguration)
	}
	return body, err
}

var (
	// secretName is what a setting is called whose value nobody may see.
	secretName = regexp.MustCompile(`(?i)pass(word|phrase)|secret|(private|access)[_-]?key`)
	// perhapsSecret are names that Cassandra has settings of as well which are none:
	// those are harmless values.
	perhapsSecret = regexp.MustCompile(`(?i)credential|token$`)
	harmless      = regexp.MustCompile(`^(true|false|[-0-9., ]+(us|ms|s|m|h|d)?)$`)
	// quoted is a value in quotes that ends in its line.
	quoted = regexp.MustCompile(`^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')`)
	// comments are lines of nothing else, in a row, or the end of a line; what was a
	// setting once may go on in the next.
	comments    = regexp.MustCompile(`(?m)^[ \t]*#.*(?:\n[ \t]*#.*)*|[ \t]#.*`)
	onceASecret = regexp.MustCompile(`(?i)(pass(word|phrase)|secret|(private|access)[_-]?key|credential|token)[\w-]*["']?[ \t]*[:=]`)
)

// errUnhidden is for what is written in a way of its own, as over more than a line.
var errUnhidden = errors.New("showing Cassandra's configuration: a secret in it is written in a way that cannot be hidden")

// hideSecrets keeps everything else as it is written. Where a secret stands tells a
// reader of YAML, which looks through what is to be shown once more: nothing is
// shown in which it finds one.
func hideSecrets(body []byte) ([]byte, error) {
	found, err := secretsOf(body)
	if err != nil {
		return nil, err
	}
	lines := bytes.SplitAfter(body, []byte("\n"))
	for _, n := range slices.Backward(found) { // so that those before stay where they are
		if n.Line > len(lines) {
			return nil, errUnhidden
		}
		if lines[n.Line-1], err = hideIn(lines[n.Line-1], n); err != nil {
			return nil, err
		}
	}
	shown := comments.ReplaceAllFunc(bytes.Join(lines, nil), func(comment []byte) []byte {
		if at := onceASecret.FindIndex(comment); at != nil {
			return append(comment[:at[1]:at[1]], " "+concealed...)
		}
		return comment
	})
	if found, err = secretsOf(shown); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(found, func(n *yaml.Node) bool { return n.Value != concealed }) {
		return nil, errUnhidden
	}
	return shown, nil
}

// hideIn hides a value in its line.
func hideIn(line []byte, n *yaml.Node) ([]byte, error) {
	runes := []rune(string(line))
	if n.Kind != yaml.ScalarNode || n.Column > len(runes) {
		return nil, errUnhidden
	}
	before, from := string(runes[:n.Column-1]), string(runes[n.Column-1:])
	value := n.Value
	if n.Style != 0 {
		value = quoted.FindString(from)
	}
	after, ok := strings.CutPrefix(from, value)
	if value == "" || !ok {
		return nil, errUnhidden
	}
	return []byte(before + "'" + concealed + "'" + after), nil
}

// secretsOf are the values that nobody may see, in their order.
func secretsOf(body []byte) (found []*yaml.Node, err error) {
	var document, another yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(body))
	switch err := d.Decode(&document); {
	case errors.Is(err, io.EOF): // only comments
		return nil, nil
	case err != nil: // which would show what it does not understand
		return nil, errors.New("reading Cassandra's configuration: it is no YAML")
	case !errors.Is(d.Decode(&another), io.EOF):
		return nil, errors.New("reading Cassandra's configuration: it is more than one document of YAML")
	}
	return appendSecrets(nil, &document, none), nil
}

// secrecy is of the values below a name.
type secrecy int

const (
	none secrecy = iota
	perhaps
	surely
)

func secrecyOf(name *yaml.Node) secrecy {
	if name.Kind == yaml.AliasNode {
		name = name.Alias
	}
	switch {
	case secretName.MatchString(name.Value):
		return surely
	case perhapsSecret.MatchString(name.Value):
		return perhaps
	}
	return none
}

func appendSecrets(found []*yaml.Node, n *yaml.Node, of secrecy) []*yaml.Node {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			found = appendSecrets(found, n.Content[i+1], max(of, secrecyOf(n.Content[i])))
		}
	case yaml.ScalarNode, yaml.AliasNode:
		if of == none || n.Tag == "!!null" || n.Kind == yaml.ScalarNode && (n.Value == "" || of == perhaps && harmless.MatchString(n.Value)) {
			return found
		}
		return append(found, n)
	case yaml.DocumentNode, yaml.SequenceNode:
		for _, below := range n.Content {
			found = appendSecrets(found, below, of)
		}
	}
	return found
}
