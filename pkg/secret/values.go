package secret

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Values are what a Secret holds. They are shown by no verb of fmt and no encoder.
type Values struct {
	name Name
	data map[string][]byte
}

// Name is the Secret that they are from.
func (v Values) Name() Name { return v.name }

// Reveal is the value of a key, for the one place that needs it; "" where there is
// none. Files that were made with an editor end in a line break, which is no part.
func (v Values) Reveal(key string) string { return strings.TrimSpace(string(v.data[key])) }

// Require refuses a Secret that lacks one of the keys.
func (v Values) Require(keys ...string) error {
	for _, key := range keys {
		if v.Reveal(key) == "" {
			return fmt.Errorf("Secret %s has no key %s, or an empty one", v.name, key) //nolint:staticcheck // the kind's name
		}
	}
	return nil
}

// MarshalJSON hides the values.
func (v Values) MarshalJSON() ([]byte, error) { return json.Marshal(v.String()) }

// String names the Secret.
func (v Values) String() string { return "Secret " + v.name.String() }

// Format hides the values, whatever the verb.
func (v Values) Format(s fmt.State, _ rune) {
	_, _ = io.WriteString(s, v.String()) // fmt has nowhere to tell an error
}
