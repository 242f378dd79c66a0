package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// DecodeResult reads what the operation found out into v, such as a *BackupResult.
func (op *Operation) DecodeResult(v any) error {
	if len(op.Result) == 0 {
		return fmt.Errorf("operation %s has no result", op.ID)
	}
	if err := json.Unmarshal(op.Result, v); err != nil {
		return fmt.Errorf("decoding the result of operation %s: %w", op.ID, err)
	}
	return nil
}

// MarshalJSON flattens the request into the envelope, in the order in which
// the original writes them: envelope, request, completionTime, and then what
// is ours.
func (op Operation) MarshalJSON() ([]byte, error) {
	var w fieldWriter
	if op.Errors == nil {
		op.Errors = []OperationError{}
	}
	w.add("id", op.ID)
	w.add("creationTime", op.CreationTime)
	w.add("state", op.State)
	w.add("errors", op.Errors)
	w.add("progress", op.Progress)
	w.addSet("startTime", op.StartTime, op.StartTime != nil)
	w.add("type", op.Type)
	if len(op.Request) > 0 {
		w.err = errors.Join(w.err, eachField(op.Request, func(name string, value json.RawMessage) {
			w.addSet(name, value, !envelope[name])
		}))
	}
	w.addSet("completionTime", op.CompletionTime, op.CompletionTime != nil)
	w.addSet("instance", op.Instance, op.Instance != "")
	w.addSet("warnings", op.Warnings, len(op.Warnings) > 0)
	w.addSet("currentPhase", op.CurrentPhase, op.CurrentPhase != "")
	w.addSet("transfer", op.Transfer, op.Transfer != nil)
	w.addSet("nodes", op.Nodes, len(op.Nodes) > 0)
	w.addSet("result", op.Result, len(op.Result) > 0)
	if w.err != nil {
		return nil, fmt.Errorf("encoding operation %s: %w", op.ID, w.err)
	}
	return append(append([]byte{'{'}, w.buf.Bytes()...), '}'), nil
}

// UnmarshalJSON keeps every field that is not the envelope's in Request, with
// the type, so that the request can be decoded from it.
func (op *Operation) UnmarshalJSON(b []byte) error {
	type plain Operation
	var decoded plain
	if err := json.Unmarshal(b, &decoded); err != nil {
		return err
	}
	var w fieldWriter
	w.add("type", decoded.Type)
	err := eachField(b, func(name string, value json.RawMessage) {
		w.addSet(name, value, !envelope[name])
	})
	if err := errors.Join(err, w.err); err != nil {
		return err
	}
	*op = Operation(decoded)
	op.Request = append(append(json.RawMessage{'{'}, w.buf.Bytes()...), '}')
	return nil
}

// envelope holds the names of Operation's own fields.
var envelope = func() map[string]bool {
	names := map[string]bool{}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Operation]()) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "-" {
			names[name] = true
		}
	}
	return names
}()

// fieldWriter writes the fields of a JSON object in the order of its calls.
type fieldWriter struct {
	buf bytes.Buffer
	err error
}

func (w *fieldWriter) add(name string, value any) { w.addSet(name, value, true) }

func (w *fieldWriter) addSet(name string, value any, set bool) {
	if !set || w.err != nil {
		return
	}
	key, err := json.Marshal(name)
	if err != nil {
		w.err = err
		return
	}
	raw, err := json.Marshal(value)
	if err != nil {
		w.err = err
		return
	}
	if w.buf.Len() > 0 {
		w.buf.WriteByte(',')
	}
	w.buf.Write(key)
	w.buf.WriteByte(':')
	w.buf.Write(raw)
}

// eachField visits the fields of a JSON object in their order.
func eachField(object []byte, visit func(name string, value json.RawMessage)) error {
	dec := json.NewDecoder(bytes.NewReader(object))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return errors.Join(errors.New("not a JSON object"), err)
	}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		name, ok := token.(string)
		if !ok {
			return errors.New("a field has no name")
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
		visit(name, value)
	}
	return nil
}
