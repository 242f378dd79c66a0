package jmx

import (
	"context"
	"fmt"
	"slices"

	"github.com/icarus-sidecar/icarus/pkg/jmx/javaobj"
)

// Attribute reads one attribute.
func (c *Client) Attribute(ctx context.Context, bean ObjectName, name string) (any, error) {
	v, err := c.call(ctx, methodGetAttribute, objectName(bean), name, nil)
	if err != nil {
		return nil, fmt.Errorf("reading attribute %s of %s: %w", name, bean, err)
	}
	value, err := plain(v)
	if err != nil {
		return nil, fmt.Errorf("reading attribute %s of %s: %w", name, bean, err)
	}
	return value, nil
}

// Attributes reads several attributes in one call. Those that are not there, or
// that failed, are left out.
func (c *Client) Attributes(ctx context.Context, bean ObjectName, names ...string) (map[string]any, error) {
	v, err := c.call(ctx, methodGetAttributes, objectName(bean), stringArray(names), nil)
	if err != nil {
		return nil, fmt.Errorf("reading attributes of %s: %w", bean, err)
	}
	values, err := attributeList(v)
	if err != nil {
		return nil, fmt.Errorf("reading attributes of %s: %w", bean, err)
	}
	return values, nil
}

// attributeList reads a list of javax.management.Attribute.
func attributeList(v any) (map[string]any, error) {
	list, err := sequence(v)
	if err != nil {
		return nil, err
	}
	p := newConverter()
	values := make(map[string]any, len(list))
	for _, element := range list {
		o, ok := element.(*javaobj.Object)
		if !ok {
			return nil, fmt.Errorf("%w: an attribute is a %T", ErrValue, element)
		}
		name, ok := o.Field("name").(string)
		if !ok {
			return nil, fmt.Errorf("%w: an attribute has no name", ErrValue)
		}
		if values[name], err = p.plain(o.Field("value")); err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
	}
	return values, nil
}

// SetAttribute sets an attribute.
func (c *Client) SetAttribute(ctx context.Context, bean ObjectName, name string, value any) error {
	v, err := java(value)
	if err != nil {
		return fmt.Errorf("setting attribute %s of %s: %w", name, bean, err)
	}
	wrapped, err := marshalled(newObject(classAttribute, nil, name, v))
	if err != nil {
		return fmt.Errorf("setting attribute %s of %s: %w", name, bean, err)
	}
	if _, err = c.call(ctx, methodSetAttribute, objectName(bean), wrapped, nil); err != nil {
		return fmt.Errorf("setting attribute %s of %s: %w", name, bean, err)
	}
	return nil
}

// Invoke invokes the operation with exactly this signature: the types' names as
// Java's Class.getName gives them, such as int, java.lang.String or
// [Ljava.lang.String;. What is void returns nil.
func (c *Client) Invoke(ctx context.Context, bean ObjectName, op string, signature []string, args ...any) (any, error) {
	v, err := c.invoke(ctx, bean, op, signature, args)
	if err != nil {
		return nil, fmt.Errorf("invoking %s of %s: %w", op, bean, err)
	}
	return v, nil
}

func (c *Client) invoke(ctx context.Context, bean ObjectName, op string, signature []string, args []any) (any, error) {
	if len(args) != len(signature) {
		return nil, fmt.Errorf("%w: %d arguments for a signature of %d", ErrValue, len(args), len(signature))
	}
	values := make([]any, len(args))
	for i, arg := range args {
		v, err := java(arg)
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i+1, err)
		}
		values[i] = v
	}
	wrapped, err := marshalled(&javaobj.Array{Class: classObjects, Elements: values})
	if err != nil {
		return nil, err
	}
	v, err := c.call(ctx, methodInvoke, objectName(bean), op, wrapped, stringArray(signature), nil)
	if err != nil {
		return nil, err
	}
	return plain(v)
}

// Query lists the MBeans whose names match a pattern, sorted. A name without
// wildcards matches itself.
func (c *Client) Query(ctx context.Context, pattern string) ([]ObjectName, error) {
	names, err := c.query(ctx, pattern)
	if err != nil {
		return nil, fmt.Errorf("looking for MBeans %s: %w", pattern, err)
	}
	return names, nil
}

func (c *Client) query(ctx context.Context, pattern string) ([]ObjectName, error) {
	v, err := c.call(ctx, methodQueryNames, objectName(ObjectName(pattern)), nil, nil)
	if err != nil {
		return nil, err
	}
	value, err := plain(v)
	if err != nil {
		return nil, err
	}
	set, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("%w: the names are a %T", ErrValue, value)
	}
	names := make([]ObjectName, len(set))
	for i, v := range set {
		if names[i], ok = v.(ObjectName); !ok {
			return nil, fmt.Errorf("%w: a name is a %T", ErrValue, v)
		}
	}
	slices.Sort(names)
	return names, nil
}
