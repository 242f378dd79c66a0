package javaobj

import "slices"

// class reads a description of a class, or a reference to one. It is nil where
// there is none.
func (d *Decoder) class() (*Class, error) {
	tag, err := d.byte()
	if err != nil {
		return nil, err
	}
	switch tag {
	case tcNull, tcReference, tcClassDesc, tcProxyClassDesc:
	default:
		return nil, d.malformed("no class begins with %02x", tag)
	}
	v, err := d.value(tag)
	if err != nil || v == nil {
		return nil, err
	}
	class, ok := v.(*Class)
	if !ok {
		return nil, d.malformed("where a class must be there is a %T", v)
	}
	return class, nil
}

func (d *Decoder) classValue() (any, error) {
	class, err := d.class()
	if err != nil {
		return nil, err
	}
	if class == nil {
		return nil, d.malformed("a class object is of no class")
	}
	_, err = d.assign(class)
	return class, err
}

// classOf reads a description of a class whose tag was read.
func (d *Decoder) classOf(tag byte) (any, error) {
	if err := d.charge(costClass); err != nil {
		return nil, err
	}
	class := &Class{}
	d.open = append(d.open, class)
	read := d.plainClass
	if tag == tcProxyClassDesc {
		read = d.proxyClass
	}
	if err := read(class); err != nil {
		return nil, err
	}
	if err := d.annotation(); err != nil {
		return nil, err
	}
	super, err := d.class()
	if err != nil {
		return nil, err
	}
	class.Super = super
	if n := len(class.lineage()); n > maxSupers {
		return nil, d.malformed("class %.100q has %d classes above it", class.Name, n-1)
	}
	d.open = slices.Delete(d.open, len(d.open)-1, len(d.open))
	return class, nil
}

func (d *Decoder) plainClass(class *Class) error {
	var err error
	if class.Name, err = d.text(tcString); err != nil {
		return err
	}
	suid, err := d.uint64()
	if err != nil {
		return err
	}
	class.SUID = int64(suid)
	if _, err := d.assign(class); err != nil {
		return err
	}
	if class.Flags, err = d.byte(); err != nil {
		return err
	}
	n, err := d.uint16()
	if err != nil {
		return err
	}
	if n > maxFields {
		return d.malformed("class %.100q has %d fields", class.Name, n)
	}
	for range n {
		if err := d.field(class); err != nil {
			return err
		}
	}
	return nil
}

func (d *Decoder) field(class *Class) error {
	if err := d.charge(costField); err != nil {
		return err
	}
	var f Field
	var err error
	if f.Type, err = d.byte(); err != nil {
		return err
	}
	if f.Name, err = d.text(tcString); err != nil {
		return err
	}
	switch f.Type {
	case 'B', 'C', 'D', 'F', 'I', 'J', 'S', 'Z':
	case 'L', '[':
		if f.ClassName, err = d.stringValue(); err != nil {
			return err
		}
	default:
		return d.malformed("field %.100q is of type %02x", f.Name, f.Type)
	}
	class.Fields = append(class.Fields, f)
	return nil
}

func (d *Decoder) proxyClass(class *Class) error {
	class.Flags = FlagSerializable
	if _, err := d.assign(class); err != nil {
		return err
	}
	n, err := d.uint32()
	if err != nil {
		return err
	}
	if n > maxInterfaces {
		return d.malformed("a dynamic proxy has %d interfaces", n)
	}
	for range n {
		name, err := d.text(tcString)
		if err != nil {
			return err
		}
		class.Interfaces = append(class.Interfaces, name)
	}
	return nil
}

// annotation reads what a stream says about where a class comes from. We load no
// classes.
func (d *Decoder) annotation() error {
	_, err := d.contents()
	return err
}
