package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"time"
)

// Duration is a span of time as {"value":1,"unit":"HOURS"} or as a string such
// as "1 hour", "15m" or ".25h". It is written in the form in which it was read:
// a client of the 1.x dialect expects its string back.
type Duration struct {
	Value int64
	// Unit is SECONDS, MINUTES, HOURS or DAYS.
	Unit string
	text string
}

// Bandwidth is bytes per second as {"value":10,"unit":"MBPS"} or as a string
// such as "10M" or "10mbps". It is written in the form in which it was read.
type Bandwidth struct {
	Value int64
	// Unit is BPS, KBPS, MBPS or GBPS, each a thousand of the one before.
	Unit string
	text string
}

type unit struct {
	name string
	size int64
}

// The largest first, so that a fraction ends up in the largest unit that holds it whole.
var (
	timeUnits = []unit{{"DAYS", 86400}, {"HOURS", 3600}, {"MINUTES", 60}, {"SECONDS", 1}}
	rateUnits = []unit{{"GBPS", 1e9}, {"MBPS", 1e6}, {"KBPS", 1e3}, {"BPS", 1}}
)

const (
	// maxSeconds is a hundred years: below it no time.Duration overflows.
	maxSeconds = 100 * 366 * 86400
	// maxRate is far above any network, and below what a float64 counts exactly.
	maxRate = 1e15
)

// Duration is the span as Go counts it.
func (d Duration) Duration() time.Duration {
	return time.Duration(d.Value*sizeOf(timeUnits, d.Unit)) * time.Second
}

// Equal compares the spans, not their spelling.
func (d Duration) Equal(o Duration) bool { return d.Duration() == o.Duration() }

// MarshalJSON writes the form that was read.
func (d Duration) MarshalJSON() ([]byte, error) { return marshalQuantity(d.Value, d.Unit, d.text) }

// UnmarshalJSON reads the object or the string.
func (d *Duration) UnmarshalJSON(b []byte) error {
	value, unit, text, err := unmarshalQuantity(b, timeUnits, maxSeconds)
	if err != nil {
		return fmt.Errorf(`%w: write "15m", "1 hour" or {"value":1,"unit":"HOURS"}`, err)
	}
	*d = Duration{Value: value, Unit: unit, text: text}
	return nil
}

// BytesPerSecond is the rate as Go counts it.
func (b Bandwidth) BytesPerSecond() int64 { return b.Value * sizeOf(rateUnits, b.Unit) }

// Equal compares the rates, not their spelling.
func (b Bandwidth) Equal(o Bandwidth) bool { return b.BytesPerSecond() == o.BytesPerSecond() }

// MarshalJSON writes the form that was read.
func (b Bandwidth) MarshalJSON() ([]byte, error) { return marshalQuantity(b.Value, b.Unit, b.text) }

// UnmarshalJSON reads the object or the string.
func (b *Bandwidth) UnmarshalJSON(raw []byte) error {
	value, unit, text, err := unmarshalQuantity(raw, rateUnits, maxRate)
	if err != nil {
		return fmt.Errorf(`%w: write "10M", "10mbps" or {"value":10,"unit":"MBPS"}`, err)
	}
	*b = Bandwidth{Value: value, Unit: unit, text: text}
	return nil
}

func sizeOf(units []unit, name string) int64 {
	for _, u := range units {
		if u.name == name {
			return u.size
		}
	}
	return 0
}

func marshalQuantity(value int64, unit, text string) ([]byte, error) {
	if text != "" {
		return json.Marshal(text)
	}
	return json.Marshal(struct {
		Value int64  `json:"value"`
		Unit  string `json:"unit"`
	}{value, unit})
}

func unmarshalQuantity(b []byte, units []unit, most int64) (value int64, unit, text string, err error) {
	if json.Unmarshal(b, &text) == nil {
		value, unit, err = parseQuantity(text, units, most)
		return value, unit, text, err
	}
	var object struct {
		Value json.Number `json:"value"` // takes "10" for 10, as the original does
		Unit  string      `json:"unit"`
	}
	if err := json.Unmarshal(b, &object); err != nil {
		return 0, "", "", errors.New("neither a string nor an object of value and unit")
	}
	value, unit, err = parseQuantity(object.Value.String()+" "+object.Unit, units, most)
	return value, unit, "", err
}

var quantityForm = regexp.MustCompile(`^\s*([0-9]{1,20}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})\s*([A-Za-z]*)\s*$`)

// parseQuantity keeps a whole number in the unit it was given in; a fraction
// goes to the largest unit in which it is whole.
func parseQuantity(text string, units []unit, most int64) (int64, string, error) {
	m := quantityForm.FindStringSubmatch(text)
	if m == nil {
		return 0, "", errors.New("not a number and a unit")
	}
	number, ok := new(big.Rat).SetString(strings.TrimSuffix(m[1], "."))
	given := findUnit(units, m[2])
	if !ok || given.size == 0 {
		return 0, "", fmt.Errorf("unknown unit %q", m[2])
	}
	base := new(big.Rat).Mul(number, new(big.Rat).SetInt64(given.size))
	if base.Cmp(new(big.Rat).SetInt64(most)) > 0 {
		return 0, "", errors.New("too large")
	}
	if number.IsInt() {
		return number.Num().Int64(), given.name, nil
	}
	for _, u := range units {
		if in := new(big.Rat).Quo(base, new(big.Rat).SetInt64(u.size)); in.IsInt() {
			return in.Num().Int64(), u.name, nil
		}
	}
	return 0, "", errors.New("finer than the smallest unit")
}

// findUnit takes any beginning of a unit's name in any case ("h", "hour"), and
// no unit at all for a rate: bytes per second.
func findUnit(units []unit, word string) unit {
	if word == "" && units[0].name == "GBPS" {
		return units[len(units)-1]
	}
	for _, u := range units {
		if word != "" && strings.HasPrefix(u.name, strings.ToUpper(word)) {
			return u
		}
	}
	return unit{}
}
