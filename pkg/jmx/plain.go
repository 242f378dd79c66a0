package jmx

import (
	"fmt"
	"maps"

	"github.com/icarus-sidecar/icarus/pkg/jmx/javaobj"
)

// A converter makes Go values of Java objects, within limits of its own: an
// object that occurs many times in an answer is converted each time.
type converter struct {
	left  int
	depth int
}

const (
	// maxValues is far above the largest known answer, 12,581 names.
	maxValues = 1 << 20
	// maxDepth is far above the deepest known answer, 6.
	maxDepth = 100
)

func newConverter() *converter { return &converter{left: maxValues} }

// plain makes a Go value of what a call returned.
func plain(v any) (any, error) { return newConverter().plain(v) }

func (p *converter) plain(v any) (any, error) {
	if p.left--; p.left < 0 {
		return nil, fmt.Errorf("%w: it has more than %d values", javaobj.ErrLimit, maxValues)
	}
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("%w: its values go deeper than %d", javaobj.ErrLimit, maxDepth)
	}
	defer func() { p.depth-- }()
	switch v := v.(type) {
	case *javaobj.Object:
		return p.object(v)
	case *javaobj.Array:
		return p.array(v)
	case *javaobj.Enum:
		return v.Name, nil
	case *javaobj.Class:
		return v.Name, nil
	}
	return v, nil
}

func (p *converter) array(a *javaobj.Array) (any, error) {
	elements, ok := a.Elements.([]any)
	if !ok {
		return a.Elements, nil
	}
	if a.Class.Name == classStrings.Name {
		if s, ok := allStrings(elements); ok {
			return s, nil
		}
	}
	return p.list(elements)
}

// allStrings is ok if every element is a string.
func allStrings(elements []any) ([]string, bool) {
	all := make([]string, len(elements))
	for i, v := range elements {
		s, ok := v.(string)
		if !ok {
			return nil, false
		}
		all[i] = s
	}
	return all, true
}

func (p *converter) list(elements []any) ([]any, error) {
	all := make([]any, len(elements))
	for i, v := range elements {
		var err error
		if all[i], err = p.plain(v); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// object converts by class: the object's own, or the nearest one above it that
// is known. What is not known stays as it is.
func (p *converter) object(o *javaobj.Object) (any, error) {
	for c := o.Class; c != nil; c = c.Super {
		convert, known := conversions[c.Name]
		if !known {
			continue
		}
		// An externalizable subclass has no slot of this class.
		if slot := o.Slot(c.Name); slot != nil {
			return convert(p, slot)
		}
	}
	return o, nil
}

// A conversion makes a Go value of what a class wrote.
type conversion func(p *converter, s *javaobj.Slot) (any, error)

var conversions map[string]conversion

func init() { //nolint:gochecknoinits // the conversions of what is nested look into this table
	conversions = map[string]conversion{}
	for _, table := range []map[string]conversion{scalars, collections, mappings} {
		maps.Copy(conversions, table)
	}
}

// malformed is for an object that is not as its class makes it.
func malformed(s *javaobj.Slot) error {
	return fmt.Errorf("%w: a %s is not as it should be", javaobj.ErrMalformed, s.Class.Name)
}
