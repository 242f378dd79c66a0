package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
)

const (
	// MaxBody bounds a request in bytes: the largest that makes sense names
	// some thousand tables.
	MaxBody = 1 << 20
	// maxDepth bounds the nesting; the deepest request known has three levels.
	maxDepth = 16
)

// Types are the kinds of requests that can be decoded: a function for each
// type that makes a request with its defaults filled in. Its keys are what
// "type" may be.
type Types map[string]func() Request

// Decode reads a request in the union of the dialects that clients of Icarus
// 1.1 to 3.0 speak. Unknown fields are ignored, as they were there, and told
// as warnings; wrong ones are told all at once. Every error is an *Error with
// code 400 (413 where the body is too large).
func Decode(body []byte) (req Request, warnings []string, err error) {
	return builtin.Decode(body)
}

// DecodeInto reads a request whose type is known into req, a pointer to a
// struct. Fields that body leaves out keep their values.
func DecodeInto(body []byte, req Request) (warnings []string, err error) {
	tree, err := parseObject(body)
	if err != nil {
		return nil, err
	}
	return fill(tree, req)
}

// Decode is the package's Decode for these types.
func (t Types) Decode(body []byte) (req Request, warnings []string, err error) {
	tree, err := parseObject(body)
	if err != nil {
		return nil, nil, err
	}
	name, isString := tree["type"].(string)
	create, known := t[name]
	switch {
	case tree["type"] == nil:
		return nil, nil, Invalid(Violation{"type", "is missing; " + t.choice()})
	case !isString:
		return nil, nil, Invalid(Violation{"type", "must be a string; " + t.choice()})
	case !known:
		return nil, nil, Invalid(Violation{"type", fmt.Sprintf("%.100q is not known; %s", name, t.choice())})
	}
	req = create()
	warnings, err = fill(tree, req)
	if err != nil {
		return nil, nil, err
	}
	return req, warnings, nil
}

func (t Types) choice() string {
	return "this sidecar has " + strings.Join(slices.Sorted(maps.Keys(t)), ", ")
}

// completer is a request that finishes itself when its fields are read: it
// replaces spellings and values that old servers took for another.
type completer interface{ complete() (warnings []string) }

func fill(tree map[string]any, req Request) ([]string, error) {
	d := new(decoder)
	target := reflect.ValueOf(req)
	if target.Kind() != reflect.Pointer || target.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("decoding into %T: not a pointer to a struct", req)
	}
	d.object("", tree, target.Elem())
	if len(d.violations) > 0 {
		return nil, Invalid(d.violations...)
	}
	warnings := d.warned()
	if c, ok := req.(completer); ok {
		warnings = append(warnings, c.complete()...)
	}
	return warnings, nil
}

// Invalid is the error of a request with wrong fields; there is at least one.
func Invalid(violations ...Violation) *Error {
	return &Error{
		Code:       http.StatusBadRequest,
		Message:    "the request is not valid: " + violations[0].Field + ": " + violations[0].Message,
		Violations: violations,
	}
}

func malformed(format string, args ...any) *Error {
	return &Error{Code: http.StatusBadRequest, Message: "the request is not valid JSON: " + fmt.Sprintf(format, args...)}
}

// parseObject reads one JSON object and nothing after it. Numbers stay as they
// are written, for the field to judge.
func parseObject(body []byte) (map[string]any, error) {
	if len(body) > MaxBody {
		return nil, &Error{
			Code:    http.StatusRequestEntityTooLarge,
			Message: fmt.Sprintf("the request is larger than %d bytes", MaxBody),
		}
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, malformed(`it is empty; send an object such as {"type":"flush","keyspace":"ks1"}`)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	value, err := parseValue(dec, 0)
	if err != nil {
		return nil, malformed("%s", describe(err, dec))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed("something follows the object at byte %d", dec.InputOffset())
	}
	tree, ok := value.(map[string]any)
	if !ok {
		return nil, malformed("it is not an object")
	}
	return tree, nil
}

func describe(err error, dec *json.Decoder) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends too early"
	}
	return fmt.Sprintf("at byte %d: %s", dec.InputOffset(), err)
}

// parseValue builds the tree token by token: encoding/json itself would nest
// ten thousand levels deep and let the last of two equal fields win.
func parseValue(dec *json.Decoder, depth int) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	delim, nested := token.(json.Delim)
	if !nested {
		return token, nil
	}
	if depth == maxDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	if delim == '[' {
		return parseElements(dec, depth)
	}
	return parseFields(dec, depth)
}

func parseElements(dec *json.Decoder, depth int) (any, error) {
	list := []any{}
	for dec.More() {
		value, err := parseValue(dec, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	_, err := dec.Token()
	return list, err
}

func parseFields(dec *json.Decoder, depth int) (any, error) {
	object := map[string]any{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, ok := token.(string)
		if !ok {
			return nil, errors.New("a field has no name")
		}
		if _, twice := object[name]; twice {
			return nil, fmt.Errorf("field %.100q stands there twice", name)
		}
		if object[name], err = parseValue(dec, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := dec.Token()
	return object, err
}
