package jmx

import (
	"context"
	"fmt"

	"github.com/icarus-sidecar/icarus/pkg/jmx/javaobj"
)

// BeanInfo says what an MBean offers.
type BeanInfo struct {
	Class      string
	Attributes []string
	Operations []Operation
}

// Operation is one form of an operation. Types are named as Invoke wants them.
type Operation struct {
	Name      string
	Signature []string
	Returns   string
}

// Info describes an MBean.
func (c *Client) Info(ctx context.Context, bean ObjectName) (*BeanInfo, error) {
	v, err := c.call(ctx, methodGetMBeanInfo, objectName(bean), nil)
	if err != nil {
		return nil, fmt.Errorf("asking what %s offers: %w", bean, err)
	}
	info, err := beanInfo(v)
	if err != nil {
		return nil, fmt.Errorf("asking what %s offers: %w", bean, err)
	}
	return info, nil
}

func beanInfo(v any) (*BeanInfo, error) {
	o, err := object(v)
	if err != nil {
		return nil, err
	}
	info := &BeanInfo{}
	if info.Class, err = textField(o, "className"); err != nil {
		return nil, err
	}
	err = eachObject(o, "attributes", func(a *javaobj.Object) error {
		name, err := textField(a, "name")
		info.Attributes = append(info.Attributes, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = eachObject(o, "operations", func(a *javaobj.Object) error {
		op, err := operation(a)
		info.Operations = append(info.Operations, op)
		return err
	})
	return info, err
}

func operation(o *javaobj.Object) (op Operation, err error) {
	if op.Name, err = textField(o, "name"); err != nil {
		return op, err
	}
	if op.Returns, err = textField(o, "type"); err != nil {
		return op, err
	}
	op.Signature = []string{}
	err = eachObject(o, "signature", func(parameter *javaobj.Object) error {
		kind, err := textField(parameter, "type")
		op.Signature = append(op.Signature, kind)
		return err
	})
	return op, err
}

func object(v any) (*javaobj.Object, error) {
	o, ok := v.(*javaobj.Object)
	if !ok {
		return nil, fmt.Errorf("%w: it is a %T", ErrValue, v)
	}
	return o, nil
}

// textField is a field of an object that must be a text; null is "".
func textField(o *javaobj.Object, name string) (string, error) {
	switch v := o.Field(name).(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	default:
		return "", fmt.Errorf("%w: field %s of a %s is a %T", ErrValue, name, o.Class.Name, v)
	}
}

// eachObject goes through the array in a field.
func eachObject(o *javaobj.Object, name string, do func(*javaobj.Object) error) error {
	a, ok := o.Field(name).(*javaobj.Array)
	if !ok {
		return fmt.Errorf("%w: field %s of a %s is a %T", ErrValue, name, o.Class.Name, o.Field(name))
	}
	elements, ok := a.Elements.([]any)
	if !ok {
		return fmt.Errorf("%w: field %s of a %s is a %s", ErrValue, name, o.Class.Name, a.Class.Name)
	}
	for _, v := range elements {
		element, err := object(v)
		if err != nil {
			return fmt.Errorf("field %s of a %s: %w", name, o.Class.Name, err)
		}
		if err := do(element); err != nil {
			return err
		}
	}
	return nil
}
