package rest

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/url"
	"path"
	"slices"
	"strings"
)

// Secret is a string that never shows: it is read from JSON and never written
// to it, nor to logs. Encode alone reveals it, to send it on.
type Secret string

const redacted = "***"

// String hides the secret.
func (s Secret) String() string { return redacted }

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return redacted }

// MarshalJSON hides the secret.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue hides the secret from structured logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// Reveal is the secret itself, for the one place that needs it.
func (s Secret) Reveal() string { return string(s) }

// Path is a directory or file; it is read from a plain path or a file URI and
// written as a plain path. One that was decoded is absolute and clean.
type Path string

// UnmarshalJSON reads a plain absolute path or a file URI.
func (p *Path) UnmarshalJSON(b []byte) error {
	text, err := unmarshalPath(b)
	if err != nil {
		return err
	}
	*p = Path(text)
	return nil
}

// URI is a Path that is written as a file URI, as the original does for
// sourceDir and tablePath.
type URI string

// UnmarshalJSON reads a plain absolute path or a file URI.
func (u *URI) UnmarshalJSON(b []byte) error {
	text, err := unmarshalPath(b)
	if err != nil {
		return err
	}
	*u = URI(text)
	return nil
}

// MarshalJSON writes the path as a file URI.
func (u URI) MarshalJSON() ([]byte, error) {
	if u == "" {
		return []byte(`""`), nil
	}
	return json.Marshal((&url.URL{Scheme: "file", Path: string(u)}).String())
}

func unmarshalPath(b []byte) (string, error) {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return "", errors.New("must be a path, or a file URI, as a string")
	}
	return parsePath(text)
}

// parsePath refuses what is not absolute or climbs with "..": a request never
// means a place relative to wherever the sidecar was started.
func parsePath(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	plain := text
	if strings.HasPrefix(strings.ToLower(text), "file:") {
		u, err := url.Parse(text)
		if err != nil || u.Path == "" || (u.Host != "" && u.Host != "localhost") {
			return "", errors.New("must be a file URI of this host, such as file:///var/lib/cassandra")
		}
		plain = u.Path
	}
	switch {
	case !strings.HasPrefix(plain, "/"):
		return "", errors.New("must be an absolute path")
	case strings.ContainsRune(plain, 0):
		return "", errors.New("must not contain a NUL byte")
	case slices.Contains(strings.Split(plain, "/"), ".."):
		return "", errors.New(`must not contain ".."`)
	}
	return path.Clean(plain), nil
}

// UnmarshalJSON reads the strategy in any case.
func (s *Strategy) UnmarshalJSON(b []byte) error {
	text, err := unmarshalWord(b, string(StrategyInPlace), string(StrategyHardlinks), string(StrategyImport))
	if err != nil {
		return err
	}
	*s = Strategy(text)
	return nil
}

// UnmarshalJSON reads the phase in any case; UNKNOWN, which the original
// answers where none is set, is none.
func (p *RestorePhase) UnmarshalJSON(b []byte) error {
	const unknown = "UNKNOWN"
	text, err := unmarshalWord(b, string(PhaseInit), string(PhaseDownload), string(PhaseTruncate),
		string(PhaseImport), string(PhaseCleanup), unknown)
	if err != nil {
		return err
	}
	if text == unknown {
		text = ""
	}
	*p = RestorePhase(text)
	return nil
}

func unmarshalWord(b []byte, words ...string) (string, error) {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return "", errors.New("must be a string")
	}
	word := strings.ToUpper(strings.TrimSpace(text))
	if word != "" && !slices.Contains(words, word) {
		return "", errors.New("must be one of " + strings.Join(words, ", "))
	}
	return word, nil
}
