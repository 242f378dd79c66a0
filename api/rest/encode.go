package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
)

// Encode writes a request for sending: with its id, and with its secrets
// revealed. Everything else writes requests with encoding/json, which hides them.
func Encode(req Request) ([]byte, error) {
	body, err := json.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("encoding a %s request: %w", req.RequestType(), err)
	}
	secrets := map[string]any{}
	collectSecrets(reflect.ValueOf(req), secrets)
	if len(secrets) == 0 {
		return body, nil
	}
	var tree map[string]any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&tree); err != nil {
		return nil, fmt.Errorf("encoding a %s request: %w", req.RequestType(), err)
	}
	overlay(tree, secrets)
	return json.Marshal(tree)
}

// HasSecrets reports whether a request carries a secret, which is lost when
// the request is written anywhere but by Encode.
func HasSecrets(req Request) bool {
	secrets := map[string]any{}
	collectSecrets(reflect.ValueOf(req), secrets)
	return len(secrets) > 0
}

// collectSecrets puts every secret that is set into a tree like the request's.
func collectSecrets(v reflect.Value, into map[string]any) {
	v = reflect.Indirect(v)
	if v.Kind() != reflect.Struct {
		return
	}
	for _, f := range fieldsOf(v.Type()) {
		value := reflect.Indirect(v.FieldByIndex(f.index))
		if !value.IsValid() {
			continue
		}
		if secret, ok := value.Interface().(Secret); ok {
			if secret != "" {
				into[f.name] = secret.Reveal()
			}
			continue
		}
		below := map[string]any{}
		if collectSecrets(value, below); len(below) > 0 {
			into[f.name] = below
		}
	}
}

func overlay(tree, secrets map[string]any) {
	for name, secret := range secrets {
		below, nested := secret.(map[string]any)
		branch, ok := tree[name].(map[string]any)
		if nested && ok {
			overlay(branch, below)
			continue
		}
		tree[name] = secret
	}
}
