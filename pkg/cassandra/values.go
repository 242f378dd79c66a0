package cassandra

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

// attributes are the values of some attributes of one MBean.
type attributes struct {
	bean   jmx.ObjectName
	values map[string]any
}

// read reads attributes, all of which must be there.
func read(ctx context.Context, c Conn, bean jmx.ObjectName, names ...string) (attributes, error) {
	values, err := c.Attributes(ctx, bean, names...)
	if err != nil {
		return attributes{}, doing(err, "reading %s of %s", strings.Join(names, ", "), bean)
	}
	for _, name := range names {
		if _, there := values[name]; there {
			continue
		}
		// Several are read without those that fail; one alone tells why it did.
		if values[name], err = c.Attribute(ctx, bean, name); err != nil {
			return attributes{}, doing(err, "reading %s of %s", name, bean)
		}
	}
	return attributes{bean, values}, nil
}

// text is a string; null is "".
func (a attributes) text(name string) (string, error) {
	switch v := a.values[name].(type) {
	case string:
		return v, nil
	case nil:
		return "", nil
	default:
		return "", fmt.Errorf("reading %s of %s: it is a %T, not a text", name, a.bean, v)
	}
}

// list is a collection of strings, sorted: Cassandra keeps most in hash order.
func (a attributes) list(name string) ([]string, error) {
	list, err := jmx.AsStrings(a.values[name])
	if err != nil {
		return nil, fmt.Errorf("reading %s of %s: %w", name, a.bean, err)
	}
	list = slices.Clone(list)
	slices.Sort(list)
	return list, nil
}

func (a attributes) pairs(name string) (map[string]string, error) {
	pairs, err := jmx.AsStringMap(a.values[name])
	if err != nil {
		return nil, fmt.Errorf("reading %s of %s: %w", name, a.bean, err)
	}
	return pairs, nil
}

// lists is a map of lists of strings, each sorted.
func (a attributes) lists(name string) (map[string][]string, error) {
	m, ok := a.values[name].(map[any]any)
	if !ok {
		return nil, fmt.Errorf("reading %s of %s: it is a %T, not a map", name, a.bean, a.values[name])
	}
	lists := make(map[string][]string, len(m))
	for k, v := range m {
		key, ok := k.(string)
		if !ok {
			return nil, fmt.Errorf("reading %s of %s: it has a %T as a key, not a text", name, a.bean, k)
		}
		list, err := attributes{a.bean, map[string]any{name: v}}.list(name)
		if err != nil {
			return nil, err
		}
		lists[key] = list
	}
	return lists, nil
}

// integer is a number of either length: releases differ in which they tell.
func integer(v any) (int64, error) {
	switch v := v.(type) {
	case int32:
		return int64(v), nil
	case int64:
		return v, nil
	}
	return 0, fmt.Errorf("the answer is a %T, not a whole number", v)
}
