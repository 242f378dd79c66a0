package jmx

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/icarus-sidecar/icarus/pkg/jmx/javaobj"
)

// Set is an argument of type java.util.Set.
type Set []string

// List is an argument of type java.util.List.
type List []string

// java makes a Java object of an argument.
func java(v any) (any, error) {
	switch v := v.(type) {
	case nil, string:
		return v, nil
	case ObjectName:
		return objectName(v), nil
	case Set:
		return newObject(classHashSet, append([]any{hashHead(len(v), true)}, anys(v)...)), nil
	case List:
		size := int32(len(v))
		return newObject(classArrayList, append([]any{ints(size)}, anys(v)...), size), nil
	case map[string]string:
		return javaMap(v)
	case map[string]any:
		return javaMap(v)
	}
	if o := boxed(v); o != nil {
		return o, nil
	}
	return javaArray(v)
}

func boxed(v any) *javaobj.Object {
	var c *javaobj.Class
	switch v.(type) {
	case bool:
		c = classBoolean
	case int8:
		c = classByte
	case uint16:
		c = classCharacter
	case int16:
		c = classShort
	case int32:
		c = classInteger
	case int64:
		c = classLong
	case float32:
		c = classFloat
	case float64:
		c = classDouble
	default:
		return nil
	}
	return newObject(c, nil, v)
}

func javaArray(v any) (any, error) {
	switch v := v.(type) {
	case []string:
		return stringArray(v), nil
	case []byte:
		return &javaobj.Array{Class: classBytes, Elements: v}, nil
	case []int32:
		return &javaobj.Array{Class: classInts, Elements: v}, nil
	case []int64:
		return &javaobj.Array{Class: classLongs, Elements: v}, nil
	case []bool:
		return &javaobj.Array{Class: classBooleans, Elements: v}, nil
	case []any:
		elements := make([]any, len(v))
		for i, element := range v {
			var err error
			if elements[i], err = java(element); err != nil {
				return nil, err
			}
		}
		return &javaobj.Array{Class: classObjects, Elements: elements}, nil
	}
	return nil, fmt.Errorf("%w: there is no Java form for a %T", ErrValue, v)
}

func stringArray(s []string) *javaobj.Array {
	return &javaobj.Array{Class: classStrings, Elements: anys(s)}
}

func anys(s []string) []any {
	all := make([]any, len(s))
	for i, v := range s {
		all[i] = v
	}
	return all
}

// javaMap is a java.util.HashMap, with its keys in order so that one map is
// always the same bytes.
func javaMap[T any](m map[string]T) (any, error) {
	contents := []any{hashHead(len(m), false)}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		v, err := java(m[key])
		if err != nil {
			return nil, fmt.Errorf("%q: %w", key, err)
		}
		contents = append(contents, key, v)
	}
	return newObject(classHashMap, contents, float32(loadFactor), capacity(len(m))*3/4), nil
}

// loadFactor is how full Java lets a hash table become.
const loadFactor = 0.75

// hashHead is what hash tables write before their elements.
func hashHead(size int, withLoadFactor bool) javaobj.Block {
	if withLoadFactor {
		return ints(capacity(size), int32(math.Float32bits(loadFactor)), int32(size))
	}
	return ints(capacity(size), int32(size))
}

// capacity is the room that Java would give so many elements. A server that
// checks bounds wants it fitting.
func capacity(size int) int32 {
	c := int32(16)
	for int(c)*3/4 < size {
		c *= 2
	}
	return c
}

func ints(numbers ...int32) javaobj.Block {
	var b []byte
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	return b
}

func objectName(name ObjectName) *javaobj.Object {
	return newObject(classObjectName, []any{string(name)})
}

// marshalled wraps an object into a stream of its own.
func marshalled(v any) (*javaobj.Object, error) {
	e := javaobj.NewEncoder(nil, false)
	if err := e.Object(v); err != nil {
		return nil, err
	}
	stream := e.Bytes()
	hash := int32(0)
	for _, b := range stream {
		hash = 31*hash + int32(int8(b))
	}
	return newObject(classMarshalledObject, nil, hash, nil, &javaobj.Array{Class: classBytes, Elements: stream}), nil
}
