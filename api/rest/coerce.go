package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// maxTold bounds the warnings and the violations of one request: a body may
// hold a hundred thousand wrong fields.
const maxTold = 20

// decoder lays a JSON tree over a struct. Scalars are coerced as Jackson did in
// the original: "true" for true, "3128" for 3128, 7 for "7"; null is absent.
type decoder struct {
	violations []Violation
	warnings   []string
	unknown    int
}

func (d *decoder) violate(path, format string, args ...any) {
	if len(d.violations) < maxTold {
		d.violations = append(d.violations, Violation{path, fmt.Sprintf(format, args...)})
	}
}

func (d *decoder) ignore(path string) {
	d.unknown++
	if d.unknown <= maxTold {
		d.warnings = append(d.warnings, fmt.Sprintf("field %.100q is not known and was ignored", path))
	}
}

func (d *decoder) warned() []string {
	if d.unknown > maxTold {
		d.warnings = append(d.warnings, fmt.Sprintf("%d more fields are not known and were ignored", d.unknown-maxTold))
	}
	return d.warnings
}

// object fills the struct out. Names match exactly or else in any case: clients
// in the wild write includeAllSSTables for includeAllSStables.
func (d *decoder) object(prefix string, tree map[string]any, out reflect.Value) {
	fields := fieldsOf(out.Type())
	filled := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		field, ok := fields[strings.ToLower(name)]
		if !ok {
			d.ignore(prefix + name)
			continue
		}
		if other, twice := filled[field.name]; twice {
			d.violate(prefix+name, "is given twice, also as %q", other)
			continue
		}
		filled[field.name] = name
		d.value(prefix+name, tree[name], out.FieldByIndex(field.index))
	}
}

type field struct {
	name  string
	index []int
}

// fieldsOf lists a struct's JSON fields, those of embedded structs with them, by name in lower case.
func fieldsOf(t reflect.Type) map[string]field {
	fields := map[string]field{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.IsExported() && name != "" && name != "-" {
			fields[strings.ToLower(name)] = field{name, f.Index}
		}
	}
	return fields
}

func (d *decoder) value(path string, in any, out reflect.Value) {
	if in == nil {
		return
	}
	if out.Kind() == reflect.Pointer {
		if out.IsNil() {
			out.Set(reflect.New(out.Type().Elem()))
		}
		out = out.Elem()
	}
	if u, ok := out.Addr().Interface().(json.Unmarshaler); ok {
		d.check(path, reencode(in, u.UnmarshalJSON))
		return
	}
	switch out.Kind() {
	case reflect.Struct:
		d.structure(path, in, out)
	case reflect.Slice:
		d.list(path, in, out)
	case reflect.Map:
		d.table(path, in, out)
	case reflect.Bool:
		d.boolean(path, in, out)
	case reflect.Int, reflect.Int32, reflect.Int64:
		d.integer(path, in, out)
	case reflect.String:
		d.text(path, in, out)
	default: // a type of someone's own request
		d.check(path, reencode(in, func(b []byte) error { return json.Unmarshal(b, out.Addr().Interface()) }))
	}
}

func (d *decoder) check(path string, err error) {
	if err != nil {
		d.violate(path, "%s", err)
	}
}

func reencode(in any, unmarshal func([]byte) error) error {
	raw, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return unmarshal(raw)
}

func (d *decoder) structure(path string, in any, out reflect.Value) {
	tree, ok := in.(map[string]any)
	if !ok {
		d.violate(path, "must be an object")
		return
	}
	d.object(path+".", tree, out)
}

func (d *decoder) list(path string, in any, out reflect.Value) {
	items, ok := in.([]any)
	if !ok {
		d.violate(path, "must be an array")
		return
	}
	list := reflect.MakeSlice(out.Type(), len(items), len(items))
	for i, item := range items {
		at := path + "[" + strconv.Itoa(i) + "]"
		if item == nil {
			d.violate(at, "must not be null")
		}
		d.value(at, item, list.Index(i))
	}
	out.Set(list)
}

func (d *decoder) table(path string, in any, out reflect.Value) {
	tree, ok := in.(map[string]any)
	if !ok || out.Type().Key().Kind() != reflect.String {
		d.violate(path, "must be an object")
		return
	}
	table := reflect.MakeMapWithSize(out.Type(), len(tree))
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		value := reflect.New(out.Type().Elem()).Elem()
		d.value(path+"."+key, tree[key], value)
		table.SetMapIndex(reflect.ValueOf(key).Convert(out.Type().Key()), value)
	}
	out.Set(table)
}

func (d *decoder) boolean(path string, in any, out reflect.Value) {
	switch v := in.(type) {
	case bool:
		out.SetBool(v)
		return
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true":
			out.SetBool(true)
			return
		case "false":
			out.SetBool(false)
			return
		case "":
			return
		}
	}
	d.violate(path, "must be true or false")
}

func (d *decoder) integer(path string, in any, out reflect.Value) {
	var text string
	switch v := in.(type) {
	case json.Number:
		text = v.String()
	case string:
		if text = strings.TrimSpace(v); text == "" {
			return
		}
	default:
		d.violate(path, "must be a number")
		return
	}
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && out.OverflowInt(n):
		d.violate(path, "is out of range")
	case err != nil, strings.Trim(fraction, "0") != "":
		d.violate(path, "must be a whole number")
	default:
		out.SetInt(n)
	}
}

func (d *decoder) text(path string, in any, out reflect.Value) {
	switch v := in.(type) {
	case string:
		out.SetString(v)
	case json.Number:
		out.SetString(v.String())
	case bool:
		out.SetString(strconv.FormatBool(v))
	default:
		d.violate(path, "must be a string")
	}
}
