package nodeops

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestPasswordsOfTheConfigurationAreHidden(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a: 1 # one\nkeystore_password: secret\n":                     "a: 1 # one\nkeystore_password: '***'\n",
		"x:\n    truststore_password: \"se\\\"cret\" # mine\n":        "x:\n    truststore_password: '***' # mine\n",
		"x: {key_password: 'sec''ret', b: 2}":                         "x: {key_password: '***', b: 2}",
		"- {keystore: conf/.keystore, keystore_password: se cret }\n": "- {keystore: conf/.keystore, keystore_password: '***' }\n",
		"\"Some-Password\": s#cret\r\nb: 2\r\n":                       "\"Some-Password\": '***'\r\nb: 2\r\n",
		"# keystore_password: cassandra\nb: 2\n":                      "# keystore_password: ***\nb: 2\n",
		"# why\n# key_password: |\n#   secret\n\n# b\n":               "# why\n# key_password: ***\n\n# b\n",
		"# {\"key_password\":\"secret\"}\n":                           "# {\"key_password\": ***\n",
		"# key_password: sec,ret\n":                                   "# key_password: ***\n",
		"a: 1 # key_password = secret\n":                              "a: 1 # key_password = ***\n",
		"key_password: sec,ret]}\n":                                   "key_password: '***'\n",
		"{\"key_password\":\"secret\",\"b\":'ü',\"token\":secret}":    "{\"key_password\":'***',\"b\":'ü',\"token\":'***'}",
		"key_password: secret\nkey_password: secret\n":                "key_password: '***'\nkey_password: '***'\n",
		"passwords: [secret, {a: secret}]\n":                          "passwords: ['***', {a: '***'}]\n",
		"key_password:\n  secret\n":                                   "key_password:\n  '***'\n",
		"\"pass\\u0077ord\": secret\n":                                "\"pass\\u0077ord\": '***'\n",
		"? key_password\n: secret\n":                                  "? key_password\n: '***'\n",
		"private_key: secret\nsecretKey: secret\n":                    "private_key: '***'\nsecretKey: '***'\n",
		"aws_session_token: secret\ncredentials: {a: secret}\n":       "aws_session_token: '***'\ncredentials: {a: '***'}\n",
		"initial_token: -9223372036854775808, 42\nnum_tokens: 16\n":   "initial_token: -9223372036854775808, 42\nnum_tokens: 16\n",
		"credentials_validity: 2000ms\n":                              "credentials_validity: 2000ms\n",
		"keystore_password:\nb: 2\n":                                  "keystore_password:\nb: 2\n",
		"authenticator: PasswordAuthenticator\n":                      "authenticator: PasswordAuthenticator\n",
	} {
		if got, err := hideSecrets([]byte(in)); err != nil || string(got) != want {
			t.Errorf("%q becomes %q, %v", in, got, err)
		}
	}
	for _, in := range []string{
		"keystore_password: |\n  secret\n", "keystore_password: >-\n  secret\n", "a: &x secret\nkeystore_password: *x\n",
		"keystore_password: &x secret\na: *x\n", "keystore_password: !!str secret\n", "keystore_password: [\nsecret", "keystore_password: {a: secret}x",
		"private_key: |\n  -----BEGIN PRIVATE KEY-----\n  secret\n", "keystore_password: 'se\n  secret'\n", "keystore_password: se\n  secret\n",
		"keystore_password: \"se\n# secret\"\n", "keystore_password: \"se\\\n  secret\"\n", "a: 1\n---\nkeystore_password: |\n  secret\n",
		"keystore_password: |\n  secret\nkeystore_password: x\n", "a: \"\u2028\"\nkeystore_password: secret\n", "a: 1\rkeystore_password: secret\r",
	} {
		if got, err := hideSecrets([]byte(in)); err == nil || len(got) > 0 || strings.Contains(err.Error(), "secret") && !errors.Is(err, errUnhidden) {
			t.Errorf("%q becomes %q, %v", in, got, err)
		}
	}
}

// FuzzHideSecrets writes a password in a way of its own.
func FuzzHideSecrets(f *testing.F) {
	for _, before := range []string{"keystore_password: ", "a: {b: 1, key_password: '", "- ? \"pass\\u0077ord\"\n  : &x \"", "# key_password: ", "secret: |\n  "} {
		for _, after := range []string{"\n", "'}\n", "\"\n# b\n", "\n---\n", " # *x\n"} {
			f.Add(before, after)
		}
	}
	const password = "sEcReT42"
	f.Fuzz(func(t *testing.T, before, after string) {
		in := before + password + after
		got, err := hideSecrets([]byte(in))
		if err != nil {
			if strings.Contains(err.Error(), password) {
				t.Errorf("%q: %v", in, err)
			}
			return
		}
		if !strings.Contains(string(got), password) {
			return
		}
		// It may stand where it is the value of another setting, or of none.
		d := yaml.NewDecoder(strings.NewReader(in))
		for {
			var tree any
			if err := d.Decode(&tree); err != nil {
				return
			}
			if holds(tree, password, false) {
				t.Errorf("%q becomes %q", in, got)
			}
		}
	})
}

// holds tells whether a password is that of a setting, as one reads it who only
// knows the values.
func holds(v any, password string, of bool) bool {
	switch v := v.(type) {
	case string:
		return of && strings.Contains(v, password)
	case []any:
		return slices.ContainsFunc(v, func(v any) bool { return holds(v, password, of) })
	case map[string]any:
		for name, v := range v {
			if holds(v, password, of || strings.Contains(strings.ToLower(name), "password")) {
				return true
			}
		}
	case map[any]any:
		for name, v := range v {
			if holds(v, password, of || strings.Contains(strings.ToLower(fmt.Sprint(name)), "password")) {
				return true
			}
		}
	}
	return false
}
