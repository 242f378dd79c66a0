package operation

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/go-playground/validator/v10"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// validate is safe for concurrent use; it caches what it learns of types.
var validate = validator.New(validator.WithRequiredStructEnabled())

// Validate judges a request by the tags of its type and by its own rules. The
// error is a *rest.Error that names every wrong field.
func Validate(req rest.Request) error {
	var all []rest.Violation
	var broken validator.ValidationErrors
	err := validate.Struct(req)
	switch {
	case errors.As(err, &broken):
		for _, b := range broken {
			all = append(all, rest.Violation{Field: jsonPath(req, b.StructNamespace()), Message: rule(b)})
		}
	case err != nil:
		return fmt.Errorf("validating a %s request: %w", req.RequestType(), err)
	}
	if own, ok := req.(rest.Validated); ok {
		all = append(all, own.Violations()...)
	}
	if len(all) > 0 {
		return rest.Invalid(all...)
	}
	return nil
}

// jsonPath turns validator's Type.Embedded.Field.Inner into the field.inner
// that a client writes.
func jsonPath(req rest.Request, namespace string) string {
	var path []string
	t := reflect.TypeOf(req)
	for _, name := range strings.Split(namespace, ".")[1:] {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return strings.Join(append(path, name), ".")
		}
		goName, index, _ := strings.Cut(name, "[")
		field, ok := t.FieldByName(goName)
		if !ok {
			return strings.Join(append(path, name), ".")
		}
		t = field.Type
		if field.Anonymous {
			continue
		}
		json, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if index != "" {
			json += "[" + index
		}
		path = append(path, json)
	}
	return strings.Join(path, ".")
}

func rule(b validator.FieldError) string {
	switch b.Tag() {
	case "required":
		return "is missing"
	case "oneof":
		return "must be one of " + strings.ReplaceAll(b.Param(), " ", ", ")
	case "gte", "min":
		return "must be at least " + b.Param()
	case "lte", "max":
		return "must be at most " + b.Param()
	case "uuid":
		return "must be a UUID"
	default:
		return strings.TrimSpace("breaks the rule " + b.Tag() + " " + b.Param())
	}
}
