package jmx

import (
	"fmt"

	"github.com/icarus-sidecar/icarus/pkg/jmx/javaobj"
)

// collections are the classes that are a []any in Go.
var collections = map[string]conversion{
	"java.util.ArrayList":                                         elements,
	"java.util.LinkedList":                                        elements,
	"java.util.ArrayDeque":                                        elements,
	"java.util.HashSet":                                           elements,
	"java.util.concurrent.CopyOnWriteArrayList":                   elements,
	"java.util.TreeSet":                                           elementsAfterBlock,
	"java.util.Vector":                                            vector,
	"java.util.Arrays$ArrayList":                                  arrayField("a"),
	"java.util.EnumSet$SerializationProxy":                        arrayField("elements"),
	"java.util.CollSer":                                           immutable,
	"java.util.Collections$EmptyList":                             none,
	"java.util.Collections$EmptySet":                              none,
	"java.util.Collections$SingletonList":                         one,
	"java.util.Collections$SingletonSet":                          one,
	"java.util.Collections$UnmodifiableCollection":                wrapped("c"),
	"java.util.Collections$SynchronizedCollection":                wrapped("c"),
	"java.util.Collections$CheckedCollection":                     wrapped("c"),
	"java.util.Collections$SetFromMap":                            keysOf("m"),
	"java.util.concurrent.ConcurrentHashMap$CollectionView":       keysOf("map"),
	"java.util.concurrent.ConcurrentHashMap$ValuesView":           unsupported,
	"java.util.concurrent.ConcurrentHashMap$EntrySetView":         unsupported,
	"java.util.concurrent.ConcurrentSkipListSet":                  keysOf("m"),
	"java.util.concurrent.CopyOnWriteArraySet":                    wrapped("al"),
	"com.google.common.collect.ImmutableList$SerializedForm":      arrayField("elements"),
	"com.google.common.collect.ImmutableSet$SerializedForm":       arrayField("elements"),
	"com.google.common.collect.ImmutableSortedSet$SerializedForm": arrayField("elements"),
}

// elements are all that was written besides numbers.
func elements(p *converter, s *javaobj.Slot) (any, error) { return p.list(s.Objects()) }

// elementsAfterBlock are those after the size; a comparator stands before it.
func elementsAfterBlock(p *converter, s *javaobj.Slot) (any, error) {
	objects := s.Objects()
	if len(objects) == 0 {
		return nil, malformed(s)
	}
	return p.list(objects[1:])
}

func vector(p *converter, s *javaobj.Slot) (any, error) {
	count, ok1 := s.Field("elementCount").(int32)
	data, ok2 := objectArray(s.Field("elementData"))
	if !ok1 || !ok2 || count < 0 || int(count) > len(data) {
		return nil, malformed(s)
	}
	return p.list(data[:count])
}

func objectArray(v any) ([]any, bool) {
	a, ok := v.(*javaobj.Array)
	if !ok {
		return nil, false
	}
	data, ok := a.Elements.([]any)
	return data, ok
}

func arrayField(name string) conversion {
	return func(p *converter, s *javaobj.Slot) (any, error) {
		data, ok := objectArray(s.Field(name))
		if !ok {
			return nil, malformed(s)
		}
		return p.list(data)
	}
}

func none(*converter, *javaobj.Slot) (any, error) { return []any{}, nil }

func one(p *converter, s *javaobj.Slot) (any, error) { return p.list([]any{s.Field("element")}) }

// wrapped is a class around another object.
func wrapped(field string) conversion {
	return func(p *converter, s *javaobj.Slot) (any, error) { return p.plain(s.Field(field)) }
}

// keysOf is a set that a map's keys are.
func keysOf(field string) conversion {
	return func(p *converter, s *javaobj.Slot) (any, error) {
		v, err := p.plain(s.Field(field))
		if err != nil {
			return nil, err
		}
		m, ok := v.(map[any]any)
		if !ok {
			return nil, malformed(s)
		}
		keys := make([]any, 0, len(m))
		for k := range m {
			keys = append(keys, k)
		}
		return keys, nil
	}
}

// unsupported is for what is like a known class and means something else.
func unsupported(_ *converter, s *javaobj.Slot) (any, error) {
	return nil, fmt.Errorf("%w: a %s", ErrValue, s.Class.Name)
}

// What java.util.CollSer stands for: the result of List.of, Set.of or Map.of.
const (
	immutableList = 1
	immutableSet  = 2
	immutableMap  = 3
)

func immutable(p *converter, s *javaobj.Slot) (any, error) {
	tag, ok := s.Field("tag").(int32)
	if !ok {
		return nil, malformed(s)
	}
	switch tag & 0xff {
	case immutableList, immutableSet:
		return p.list(s.Objects())
	case immutableMap:
		return p.pairs(s, s.Objects())
	}
	return nil, malformed(s)
}

// sequence are the elements of a list as they are in the stream.
func sequence(v any) ([]any, error) {
	o, err := object(v)
	if err != nil {
		return nil, err
	}
	s := o.Slot("java.util.ArrayList")
	if s == nil {
		return nil, fmt.Errorf("%w: it is a %s", ErrValue, o.Class.Name)
	}
	return s.Objects(), nil
}
