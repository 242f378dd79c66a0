package nodeops

import (
	"strings"
	"testing"
)

func TestPasswordsOfTheConfigurationAreHidden(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a: 1 # one\nkeystore_password: secret\n":                     "a: 1 # one\nkeystore_password: '***'\n",
		"x:\n    truststore_password: \"se\\\"cret\" # mine\n":        "x:\n    truststore_password: '***' # mine\n",
		"x: {key_password: 'sec''ret', b: 2}":                         "x: {key_password: '***', b: 2}",
		"- {keystore: conf/.keystore, keystore_password: se cret }\n": "- {keystore: conf/.keystore, keystore_password: '***' }\n",
		"\"Some-Password\": s#cret\r\nb: 2\r\n":                       "\"Some-Password\": '***'\r\nb: 2\r\n",
		"# keystore_password: cassandra\nb: 2\n":                      "# keystore_password: '***'\nb: 2\n",
		"keystore_password:\nb: 2\n":                                  "keystore_password:\nb: 2\n",
		"authenticator: PasswordAuthenticator\n":                      "authenticator: PasswordAuthenticator\n",
	} {
		if got, err := hidePasswords([]byte(in)); err != nil || string(got) != want {
			t.Errorf("%q becomes %q, %v", in, got, err)
		}
	}
	for _, in := range []string{
		"keystore_password: |\n  secret\n", "keystore_password: >-\n  secret\n", "keystore_password:\n  secret\n", "a: &x secret\nkeystore_password: *x\n",
		"keystore_password: !!str secret\n", "? keystore_password\n: secret\n", "keystore_password: [\n", "{\"keystore_password\":\"secret\"}", "keystore_password: {a: secret}x",
	} {
		if got, err := hidePasswords([]byte(in)); err == nil && strings.Contains(string(got), "secret") || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q becomes %q, %v", in, got, err)
		}
	}
}
