package nodeops

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/icarus-sidecar/icarus/api/rest"
)

const (
	// maxConfiguration is far above Cassandra's own cassandra.yaml, of 100 KB.
	maxConfiguration = 1 << 20
	concealed        = "***"
)

// Configuration is the node's cassandra.yaml, without its passwords.
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
		return hidePasswords(body)
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

// password is a setting of one, in a line of its own or among others.
var password = regexp.MustCompile(`(?im)([\w-]*password[\w-]*["']?[ \t]*:[ \t]+)("(?:[^"\\\n]|\\.)*"|'(?:[^'\n]|'')*'|[^\s#,{}\[\]|>&*!][^\n,{}]*?)([ \t]+#[^\n]*)?([ \t]*(?:[,}]|\r?$))`)

// hidePasswords keeps everything else as it is written. What it shows is looked
// through again as Cassandra reads it: a password that is written in a way of its
// own is not shown.
func hidePasswords(body []byte) ([]byte, error) {
	shown := password.ReplaceAll(body, []byte("${1}'"+concealed+"'${3}${4}"))
	var tree any
	if err := yaml.Unmarshal(shown, &tree); err != nil {
		return nil, errors.New("reading Cassandra's configuration: it is no YAML")
	}
	if showsPassword(tree) {
		return nil, errors.New("showing Cassandra's configuration: a password in it is written in a way that cannot be hidden")
	}
	return shown, nil
}

func showsPassword(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			isOne := strings.Contains(strings.ToLower(name), "password")
			if isOne && value != nil && value != "" && value != concealed || showsPassword(value) {
				return true
			}
		}
	case []any:
		for _, value := range v {
			if showsPassword(value) {
				return true
			}
		}
	}
	return false
}
