package jmx

import (
	"fmt"
	"net/netip"
)

// AsStrings makes strings of a collection or array of them, in its order. Names
// and addresses count as strings; null is none.
func AsStrings(v any) ([]string, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []string:
		return v, nil
	case []any:
		all := make([]string, len(v))
		for i, element := range v {
			var ok bool
			if all[i], ok = text(element); !ok {
				return nil, fmt.Errorf("%w: an element is a %T, not a text", ErrValue, element)
			}
		}
		return all, nil
	}
	return nil, fmt.Errorf("%w: it is a %T, not a collection", ErrValue, v)
}

// AsStringMap makes a map of strings of a map of them. Names and addresses count
// as strings; null is an empty map, and a null in it is "".
func AsStringMap(v any) (map[string]string, error) {
	if v == nil {
		return map[string]string{}, nil
	}
	m, ok := v.(map[any]any)
	if !ok {
		return nil, fmt.Errorf("%w: it is a %T, not a map", ErrValue, v)
	}
	all := make(map[string]string, len(m))
	for k, v := range m {
		key, ok := text(k)
		if !ok {
			return nil, fmt.Errorf("%w: a key is a %T, not a text", ErrValue, k)
		}
		value, ok := text(v)
		if !ok && v != nil {
			return nil, fmt.Errorf("%w: the value of %q is a %T, not a text", ErrValue, key, v)
		}
		all[key] = value
	}
	return all, nil
}

func text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case ObjectName:
		return string(v), true
	case netip.Addr:
		return v.String(), true
	}
	return "", false
}
