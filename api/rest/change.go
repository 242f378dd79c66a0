package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// Change is what can be changed of an operation that runs.
type Change struct {
	// Bandwidth is the rate from now on; null is no limit. It must be there.
	Bandwidth *Bandwidth `json:"bandwidth" doc:"The rate from now on; null is no limit." example:"10mbps"`
}

// BytesPerSecond is the rate, 0 for no limit.
func (c Change) BytesPerSecond() int64 {
	if c.Bandwidth == nil {
		return 0
	}
	return c.Bandwidth.BytesPerSecond()
}

// DecodeChange reads a change, and refuses one that says anything else: who sends
// it believes that it had an effect.
func DecodeChange(body []byte) (Change, error) {
	var fields map[string]json.RawMessage
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(&fields); err != nil {
		return Change{}, Invalid(Violation{Field: "", Message: "is no JSON object, such as {\"bandwidth\": \"10mbps\"}"})
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Change{}, Invalid(Violation{Field: "", Message: "goes on after the object"})
	}
	for name := range fields {
		if name != "bandwidth" {
			return Change{}, Invalid(Violation{Field: name, Message: "cannot be changed; bandwidth can"})
		}
	}
	raw, there := fields["bandwidth"]
	if !there {
		return Change{}, Invalid(Violation{Field: "bandwidth", Message: `is missing: "10mbps", or null for no limit`})
	}
	var c Change
	if err := json.Unmarshal(raw, &c.Bandwidth); err != nil {
		return Change{}, Invalid(Violation{Field: "bandwidth", Message: err.Error()})
	}
	if c.Bandwidth != nil && c.Bandwidth.BytesPerSecond() < 1 {
		return Change{}, Invalid(Violation{Field: "bandwidth", Message: "is not at least one byte per second; null is no limit"})
	}
	return c, nil
}
