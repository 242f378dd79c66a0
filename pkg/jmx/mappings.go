package jmx

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/jmx/javaobj"
)

// mappings are the classes that are a map in Go, and tables, which are several.
var mappings = map[string]conversion{
	"java.util.HashMap":                                     entries,
	"java.util.TreeMap":                                     entries,
	"java.util.Hashtable":                                   entries,
	"java.util.EnumMap":                                     entries,
	"java.util.concurrent.ConcurrentHashMap":                entriesBeforeNull,
	"java.util.concurrent.ConcurrentSkipListMap":            entriesBeforeNull,
	"java.util.Collections$EmptyMap":                        noEntries,
	"java.util.Collections$SingletonMap":                    oneEntry,
	"java.util.Collections$UnmodifiableMap":                 wrapped("m"),
	"java.util.Collections$SynchronizedMap":                 wrapped("m"),
	"java.util.Collections$CheckedMap":                      wrapped("m"),
	"com.google.common.collect.ImmutableMap$SerializedForm": keysAndValues,
	"javax.management.openmbean.CompositeDataSupport":       composite,
	"javax.management.openmbean.TabularDataSupport":         tabular,
}

func entries(p *converter, s *javaobj.Slot) (any, error) { return p.pairs(s, s.Objects()) }

// entriesBeforeNull are those of maps that may not hold null, which marks their
// end.
func entriesBeforeNull(p *converter, s *javaobj.Slot) (any, error) {
	objects := s.Objects()
	for i := 0; i < len(objects); i += 2 {
		if objects[i] == nil {
			return p.pairs(s, objects[:i])
		}
	}
	return nil, malformed(s)
}

func noEntries(*converter, *javaobj.Slot) (any, error) { return map[any]any{}, nil }

func oneEntry(p *converter, s *javaobj.Slot) (any, error) {
	return p.pairs(s, []any{s.Field("k"), s.Field("v")})
}

func keysAndValues(p *converter, s *javaobj.Slot) (any, error) {
	lists := make([][]any, 2)
	for i, name := range []string{"keys", "values"} {
		v, err := p.plain(s.Field(name))
		if err != nil {
			return nil, err
		}
		switch v := v.(type) {
		case []any:
			lists[i] = v
		case []string:
			lists[i] = anys(v)
		default:
			return nil, malformed(s)
		}
	}
	if len(lists[0]) != len(lists[1]) {
		return nil, malformed(s)
	}
	m := make(map[any]any, len(lists[0]))
	for i, key := range lists[0] {
		m[hashable(key)] = lists[1][i]
	}
	return m, nil
}

// pairs are keys and values in turn.
func (p *converter) pairs(s *javaobj.Slot, objects []any) (any, error) {
	if len(objects)%2 != 0 {
		return nil, malformed(s)
	}
	m := make(map[any]any, len(objects)/2)
	for pair := range slices.Chunk(objects, 2) {
		key, err := p.plain(pair[0])
		if err != nil {
			return nil, err
		}
		value, err := p.plain(pair[1])
		if err != nil {
			return nil, err
		}
		m[hashable(key)] = value
	}
	if len(m) != len(objects)/2 {
		return nil, fmt.Errorf("%w: two keys of a %s are alike", javaobj.ErrMalformed, s.Class.Name)
	}
	return m, nil
}

// hashable is a key, or its text if it cannot be one.
func hashable(key any) any {
	if key == nil || reflect.TypeOf(key).Comparable() {
		return key
	}
	return javaText(key)
}

// javaText prints a collection as Java does.
func javaText(v any) string {
	var parts []string
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			parts = append(parts, javaText(element))
		}
	case []string:
		parts = v
	case nil:
		return "null"
	default:
		return fmt.Sprint(v)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func composite(p *converter, s *javaobj.Slot) (any, error) {
	v, err := p.plain(s.Field("contents"))
	if err != nil {
		return nil, err
	}
	m, ok := v.(map[any]any)
	if !ok {
		return nil, malformed(s)
	}
	named := make(map[string]any, len(m))
	for k, v := range m {
		name, ok := k.(string)
		if !ok {
			return nil, malformed(s)
		}
		named[name] = v
	}
	return named, nil
}

// tabular are the rows; the index, by which they are kept, is made of them.
func tabular(p *converter, s *javaobj.Slot) (any, error) {
	v, err := p.plain(s.Field("dataMap"))
	if err != nil {
		return nil, err
	}
	m, ok := v.(map[any]any)
	if !ok {
		return nil, malformed(s)
	}
	rows := make([]map[string]any, 0, len(m))
	keys := make(map[string]any, len(m))
	names := make([]string, 0, len(m))
	for k, row := range m {
		name := javaText(k)
		keys[name] = row
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		row, ok := keys[name].(map[string]any)
		if !ok {
			return nil, malformed(s)
		}
		rows = append(rows, row)
	}
	return rows, nil
}
