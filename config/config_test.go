// Package config_test holds what lies in config against the types, and against the
// rules by which a Kubernetes API server judges it; no server is needed.
package config_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensionsvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/icarus-sidecar/icarus/api/v1alpha1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The server's limits on what rules may cost.
const (
	costOfOneRule = 1000000
	costOfAll     = 10000000
)

var (
	kinds      = []string{"CassandraBackup", "CassandraRestore"}
	shortNames = map[string][]string{kinds[0]: {"cbackup", "cbk"}, kinds[1]: {"crestore", "crst"}}
)

// server judges objects of one kind as an API server does.
type server struct {
	crd        *apiextensions.CustomResourceDefinition
	structural *schema.Structural
	values     validation.SchemaValidator
	rules      *cel.Validator
}

func newServer(t *testing.T, kind string) *server {
	t.Helper()
	raw := readFile(t, filepath.Join("crd", "icarus.io_"+strings.ToLower(kind)+"s.yaml"))
	var v1 apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(raw, &v1); err != nil {
		t.Fatal(err)
	}
	apiextensionsv1.SetDefaults_CustomResourceDefinition(&v1)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&v1.Spec)
	v1.Status.StoredVersions = []string{v1alpha1.GroupVersion.Version}
	s := &server{crd: new(apiextensions.CustomResourceDefinition)}
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&v1, s.crd, nil); err != nil {
		t.Fatal(err)
	}
	root := s.crd.Spec.Validation
	if root == nil {
		root = s.crd.Spec.Versions[0].Schema
	}
	var err error
	if s.structural, err = schema.NewStructural(root.OpenAPIV3Schema); err != nil {
		t.Fatalf("the schema is not structural: %v", err)
	}
	if s.values, _, err = validation.NewSchemaValidator(root.OpenAPIV3Schema); err != nil {
		t.Fatal(err)
	}
	s.rules = cel.NewValidator(s.structural, true, costOfOneRule)
	return s
}

func newServers(t *testing.T) map[string]*server {
	t.Helper()
	servers := map[string]*server{}
	for _, kind := range kinds {
		servers[kind] = newServer(t, kind)
	}
	return servers
}

// create answers with the object as it would be stored, and why it would not be.
func (s *server) create(t *testing.T, object map[string]any) (map[string]any, field.ErrorList) {
	t.Helper()
	stored := clone(t, object)
	unknown := pruning.PruneWithOptions(stored, s.structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	var errs field.ErrorList
	for _, name := range unknown { // kubectl validates strictly
		errs = append(errs, field.Invalid(field.NewPath(name), nil, "is unknown"))
	}
	defaulting.Default(stored, s.structural)
	return stored, append(errs, s.judge(t.Context(), stored, nil)...)
}

func (s *server) update(t *testing.T, object, old map[string]any) field.ErrorList {
	t.Helper()
	stored := clone(t, object)
	defaulting.Default(stored, s.structural)
	return s.judge(t.Context(), stored, old)
}

func (s *server) judge(ctx context.Context, object, old map[string]any) field.ErrorList {
	errs := validation.ValidateCustomResource(nil, object, s.values)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, s.structural, object)...)
	var before any
	if old != nil {
		before = old
	}
	broken, _ := s.rules.Validate(ctx, nil, s.structural, object, before, costOfAll)
	return append(errs, broken...)
}

func TestAServerAcceptsTheDefinitions(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, kind)
			// This includes the cost of every rule.
			if errs := apiextensionsvalidation.ValidateCustomResourceDefinition(t.Context(), s.crd); len(errs) > 0 {
				t.Errorf("the definition is refused: %v", errs.ToAggregate())
			}
			if errs := schema.ValidateStructural(nil, s.structural); len(errs) > 0 {
				t.Errorf("the schema is not structural: %v", errs.ToAggregate())
			}
		})
	}
}

func TestDefinitionsTellTheStoryInColumns(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		s := newServer(t, kind)
		var narrow, wide []string
		columns := s.crd.Spec.AdditionalPrinterColumns
		if len(columns) == 0 {
			columns = s.crd.Spec.Versions[0].AdditionalPrinterColumns
		}
		for _, c := range columns {
			if c.Priority == 0 {
				narrow = append(narrow, c.Name)
			} else {
				wide = append(wide, c.Name)
			}
		}
		if diff := cmp.Diff([]string{"Cluster", "Phase", "Progress", "Nodes", "Size", "Age"}, narrow); diff != "" {
			t.Errorf("%s: kubectl get (-want +got):\n%s", kind, diff)
		}
		if diff := cmp.Diff([]string{"Tag", "Location", "Message"}, wide); diff != "" {
			t.Errorf("%s: kubectl get -o wide (-want +got):\n%s", kind, diff)
		}
		if diff := cmp.Diff([]string{"icarus"}, s.crd.Spec.Names.Categories); diff != "" {
			t.Errorf("%s: categories (-want +got):\n%s", kind, diff)
		}
		if diff := cmp.Diff(shortNames[kind], s.crd.Spec.Names.ShortNames); diff != "" {
			t.Errorf("%s: short names (-want +got):\n%s", kind, diff)
		}
	}
}

func TestTheControllerMayDoNoMoreThanItNames(t *testing.T) {
	t.Parallel()
	var role rbacv1.ClusterRole
	if err := yaml.UnmarshalStrict(readFile(t, filepath.Join("rbac", "role.yaml")), &role); err != nil {
		t.Fatal(err)
	}
	if len(role.Rules) == 0 {
		t.Error("it may do nothing")
	}
	for _, rule := range role.Rules {
		if slices.Contains(slices.Concat(rule.APIGroups, rule.Resources, rule.Verbs), "*") {
			t.Errorf("there is a wildcard in %+v", rule)
		}
		if slices.Contains(rule.Resources, "secrets") && !slices.Equal(rule.Verbs, []string{"get"}) {
			t.Errorf("Secrets are not only read by name: %+v", rule)
		}
	}
}

// What a user may write, and what the status holds, has an end everywhere, but for the
// selector, which is Kubernetes' own and whose rule bounds it, and conditions.
func TestEveryListAndStringHasABound(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		s := newServer(t, kind)
		root := s.structural.Properties
		for _, part := range []string{"spec", "status"} {
			p := root[part]
			for _, problem := range unbounded(part, &p) {
				t.Errorf("%s: %s", kind, problem)
			}
			for _, problem := range undescribed(part, &p) {
				t.Errorf("%s: %s", kind, problem)
			}
		}
	}
}

func unbounded(path string, s *schema.Structural) []string {
	if strings.HasSuffix(path, ".podSelector") || strings.HasSuffix(path, ".conditions") {
		return nil
	}
	var problems []string
	v := s.ValueValidation
	if v == nil {
		v = &schema.ValueValidation{}
	}
	switch {
	case s.XIntOrString:
	case s.Type == "array" && v.MaxItems == nil:
		problems = append(problems, path+" has no maxItems")
	case s.Type == "string" && v.MaxLength == nil && len(v.Enum) == 0 && v.Format != "date-time":
		problems = append(problems, path+" has no maxLength")
	case s.AdditionalProperties != nil && v.MaxProperties == nil:
		problems = append(problems, path+" has no maxProperties")
	}
	if s.Items != nil {
		problems = append(problems, unbounded(path+"[]", s.Items)...)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Structural != nil {
		problems = append(problems, unbounded(path+"{}", s.AdditionalProperties.Structural)...)
	}
	for name := range s.Properties {
		p := s.Properties[name]
		problems = append(problems, unbounded(path+"."+name, &p)...)
	}
	return problems
}

func undescribed(path string, s *schema.Structural) []string {
	if strings.HasSuffix(path, ".podSelector") {
		return nil
	}
	var problems []string
	for name := range s.Properties {
		p := s.Properties[name]
		if p.Description == "" {
			problems = append(problems, path+"."+name+" has no description")
		}
		problems = append(problems, undescribed(path+"."+name, &p)...)
	}
	if s.Items != nil {
		problems = append(problems, undescribed(path+"[]", s.Items)...)
	}
	return problems
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func decode(t *testing.T, document string) map[string]any {
	t.Helper()
	var object map[string]any
	if err := yaml.Unmarshal([]byte(document), &object); err != nil {
		t.Fatalf("%v in\n%s", err, document)
	}
	return clone(t, object)
}

// clone has whole numbers as int64, as a server decodes them.
func clone(t *testing.T, object map[string]any) map[string]any {
	t.Helper()
	copied, err := wholeNumbers(object)
	if err != nil {
		t.Fatal(err)
	}
	return copied.(map[string]any)
}

func wholeNumbers(value any) (any, error) {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, inner := range v {
			converted, err := wholeNumbers(inner)
			if err != nil {
				return nil, err
			}
			out[key] = converted
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			converted, err := wholeNumbers(inner)
			if err != nil {
				return nil, err
			}
			out[i] = converted
		}
		return out, nil
	case float64:
		if v == float64(int64(v)) {
			return int64(v), nil
		}
		return v, nil
	case string, bool, int64, nil:
		return v, nil
	default:
		return nil, fmt.Errorf("copying a %T", value)
	}
}
