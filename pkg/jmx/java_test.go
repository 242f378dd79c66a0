package jmx

import (
	"encoding/hex"
	"errors"
	"math"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/icarus-sidecar/icarus/pkg/jmx/javaobj"
)

// fromJava decodes a stream that Java wrote; javaobj/testdata/Streams.java says
// what is in each.
func fromJava(tb testing.TB, name string) any {
	tb.Helper()
	text, err := os.ReadFile("javaobj/testdata/streams.txt")
	if err != nil {
		tb.Fatal(err)
	}
	_, rest, ok := strings.Cut("\n"+string(text), "\n"+name+"\t")
	if !ok {
		tb.Fatalf("streams.txt has no %q", name)
	}
	stream, _, _ := strings.Cut(rest, "\n")
	return decodeHex(tb, stream)
}

func decodeHex(tb testing.TB, stream string) any {
	tb.Helper()
	d, err := javaobj.NewDecoder(hex.NewDecoder(strings.NewReader(stream)), javaobj.DefaultLimits())
	if err != nil {
		tb.Fatal(err)
	}
	v, err := d.Object()
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

var addresses = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func TestValuesOfJava(t *testing.T) {
	t.Parallel()
	ab, kv := []any{"a", "b"}, map[any]any{"k": "v"}
	for name, want := range map[string]any{
		"null": nil, "string": "text", "string with everything": "\x00é€😀\ufffdx", "true": true,
		"byte": int8(-8), "char": uint16('€'), "short": int16(-16), "int": int32(-32), "long": int64(-64),
		"float": float32(1.5), "double": -2.5,
		"atomic long": int64(64), "atomic integer": int32(32), "atomic boolean": true,
		"uuid": "01234567-89ab-cdef-8123-456789abcdef", "date": time.UnixMilli(1700000000123).UTC(),
		"enum": "GREEN", "class": "java.lang.String", "object name": ObjectName("a:type=B"),
		"ipv4": netip.MustParseAddr("127.1.2.200"), "ipv6": netip.MustParseAddr("fe80::1"),

		"strings": []string{"a", "b"}, "strings with null": []any{"a", nil}, "bytes": []byte{1, 255},
		"booleans": []bool{true, false}, "chars": []uint16{'a', '€'}, "shorts": []int16{1, -1}, "ints": []int32{1, -1},
		"longs": []int64{1, -1}, "floats": []float32{1, -1}, "doubles": []float64{1, -1}, "no ints": []int32{},
		"arrays": []any{[]int32{1}, []string{"a"}, nil},

		"array list": ab, "linked list": ab, "array deque": ab, "copy on write list": ab, "vector": ab, "arrays as list": ab,
		"list of": ab, "empty list": []any{}, "singleton list": ab[:1], "unmodifiable list": ab, "synchronized list": ab,
		"hash set": ab[:1], "linked hash set": ab, "tree set": ab, "set of": ab[:1], "empty set": []any{},
		"singleton set": ab[:1], "unmodifiable set": ab, "set from map": ab[:1], "key set view": ab[:1],
		"copy on write set": ab, "skip list set": ab, "enum set": []any{"RED"},
		"guava list": ab, "guava list of one": ab[:1], "guava set": ab,

		"hash map": kv, "linked hash map": map[any]any{"k": int32(1)}, "tree map": map[any]any{"k": "v", "l": "w"},
		"hashtable": kv, "properties": kv, "concurrent map": kv, "skip list map": kv, "enum map": map[any]any{"RED": "v"},
		"map of": kv, "empty map": map[any]any{}, "singleton map": kv, "unmodifiable map": kv, "synchronized map": kv,
		"guava map": kv, "map of lists": map[any]any{"[a, b]": ab}, "map with null": map[any]any{nil: nil},

		"composite": map[string]any{"key": "a", "n": int32(1)},
		"table":     []map[string]any{{"key": "a", "n": int32(1)}, {"key": "b", "n": int32(2)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, name := range []string{name, "rmi:" + name} {
				got, err := plain(fromJava(t, name))
				if err != nil {
					t.Fatal(err)
				}
				sorted := cmpopts.SortSlices(func(a, b any) bool { return javaText(a) < javaText(b) })
				if diff := cmp.Diff(want, got, addresses, sorted); diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
			}
		})
	}
}

func TestUnknownClassesStayAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"unknown object", "cycle", "externalizable", "big integer"} {
		got, err := plain(fromJava(t, name))
		if _, ok := got.(*javaobj.Object); !ok || err != nil {
			t.Errorf("%s is %v, %v", name, got, err)
		}
	}
	if got, err := plain(fromJava(t, "values view")); !errors.Is(err, ErrValue) {
		t.Errorf("what is like a set and none: %v, %v, want ErrValue", got, err)
	}
}

// Shared objects make a small stream a huge tree.
func TestConversionIsBounded(t *testing.T) {
	t.Parallel()
	class := &javaobj.Class{Name: "[Ljava.lang.Object;"}
	var v any = "leaf"
	for range 60 {
		v = &javaobj.Array{Class: class, Elements: []any{v, v}}
	}
	if _, err := plain(v); !errors.Is(err, javaobj.ErrLimit) {
		t.Errorf("a tree of 2^60: %v, want ErrLimit", err)
	}
	self := &javaobj.Array{Class: class}
	self.Elements = []any{self}
	if _, err := plain(self); !errors.Is(err, javaobj.ErrLimit) {
		t.Errorf("an array in itself: %v, want ErrLimit", err)
	}
}

func TestArgumentsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	many := make([]any, 100)
	manySet := make(Set, 100)
	for i := range many {
		manySet[i] = strings.Repeat("x", i+1)
		many[i] = manySet[i]
	}
	for name, c := range map[string]struct{ argument, want any }{
		"null":              {nil, nil},
		"a text":            {"text", "text"},
		"a name":            {ObjectName("a:b=c"), ObjectName("a:b=c")},
		"a boolean":         {true, true},
		"a byte":            {int8(-1), int8(-1)},
		"a char":            {uint16('x'), uint16('x')},
		"a short":           {int16(-1), int16(-1)},
		"an int":            {int32(math.MinInt32), int32(math.MinInt32)},
		"a long":            {int64(math.MinInt64), int64(math.MinInt64)},
		"a float":           {float32(0.5), float32(0.5)},
		"a double":          {0.1, 0.1},
		"texts":             {[]string{"a", "b"}, []string{"a", "b"}},
		"no texts":          {[]string{}, []string{}},
		"bytes":             {[]byte{1}, []byte{1}},
		"ints":              {[]int32{1}, []int32{1}},
		"longs":             {[]int64{1}, []int64{1}},
		"booleans":          {[]bool{true}, []bool{true}},
		"objects":           {[]any{"a", int32(1), nil}, []any{"a", int32(1), nil}},
		"a list":            {List{"a", "b"}, []any{"a", "b"}},
		"a set":             {Set{"a", "b"}, []any{"a", "b"}},
		"an empty set":      {Set{}, []any{}},
		"a large set":       {manySet, many},
		"a map":             {map[string]string{"k": "v", "l": "w"}, map[any]any{"k": "v", "l": "w"}},
		"an empty map":      {map[string]string{}, map[any]any{}},
		"a map of anything": {map[string]any{"k": int64(1), "n": nil}, map[any]any{"k": int64(1), "n": nil}},
	} {
		v, err := java(c.argument)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		e := javaobj.NewEncoder(nil, false)
		if err := e.Object(v); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := plain(decodeHex(t, hex.EncodeToString(e.Bytes())))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for _, v := range []any{5, uint64(5), struct{}{}, []any{5}, map[string]any{"k": 5}, []float64{1}} {
		if _, err := java(v); !errors.Is(err, ErrValue) {
			t.Errorf("a %T: %v, want ErrValue", v, err)
		}
	}
}

// The arguments of an invocation, as a Java client sent them.
func TestMarshalledArgumentsAreTheBytesOfJava(t *testing.T) {
	t.Parallel()
	const want = `aced0005 75 72 0013 5b4c6a6176612e6c616e672e4f626a6563743b 90ce589f1073296c 02 0000 78 70 00000003
		74 0001 74   73 72 0011 6a6176612e7574696c2e486173684d6170 0507dac1c31660d1 03 0002
		   46 000a 6c6f6164466163746f72 49 0009 7468726573686f6c64 78 70
		   3f400000 0000000c 77 08 00000010 00000001 74 0001 61 74 0001 62 78
		75 72 0013 5b4c6a6176612e6c616e672e537472696e673b add256e7e91d7b47 02 0000 78 70 00000001 74 0002 6b73`
	options, err := java(map[string]string{"a": "b"})
	if err != nil {
		t.Fatal(err)
	}
	args := []any{"t", options, stringArray([]string{"ks"})}
	wrapped, err := marshalled(&javaobj.Array{Class: classObjects, Elements: args})
	if err != nil {
		t.Fatal(err)
	}
	stream := wrapped.Field("objBytes").(*javaobj.Array).Elements.([]byte)
	if got, want := hex.EncodeToString(stream), strings.Join(strings.Fields(want), ""); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestCapacityIsWhatJavaGives(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]int32{0: 16, 12: 16, 13: 32, 24: 32, 25: 64, 1000: 2048} {
		if got := capacity(size); got != want {
			t.Errorf("for %d: %d, want %d", size, got, want)
		}
	}
}

func TestAsStrings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		v    any
		want []string
		err  error
	}{
		"null":                     {nil, nil, nil},
		"an array":                 {[]string{"a"}, []string{"a"}, nil},
		"a list":                   {[]any{"a", "b"}, []string{"a", "b"}, nil},
		"names and addresses":      {[]any{ObjectName("a:b=c"), netip.MustParseAddr("127.0.0.1")}, []string{"a:b=c", "127.0.0.1"}, nil},
		"a list of numbers":        {[]any{int32(1)}, nil, ErrValue},
		"a list with null":         {[]any{nil}, nil, ErrValue},
		"a text":                   {"a", nil, ErrValue},
		"something never heard of": {&javaobj.Object{}, nil, ErrValue},
	} {
		got, err := AsStrings(c.v)
		if !errors.Is(err, c.err) || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v; want %v, %v", name, got, err, c.want, c.err)
		}
	}
}

func TestAsStringMap(t *testing.T) {
	t.Parallel()
	address := netip.MustParseAddr("127.0.0.1")
	for name, c := range map[string]struct {
		v    any
		want map[string]string
		err  error
	}{
		"null":             {nil, map[string]string{}, nil},
		"texts":            {map[any]any{"k": "v", "n": nil}, map[string]string{"k": "v", "n": ""}, nil},
		"addresses":        {map[any]any{address: "v"}, map[string]string{"127.0.0.1": "v"}, nil},
		"numbers as keys":  {map[any]any{int32(1): "v"}, nil, ErrValue},
		"numbers as value": {map[any]any{"k": int32(1)}, nil, ErrValue},
		"a list":           {[]any{}, nil, ErrValue},
	} {
		got, err := AsStringMap(c.v)
		if !errors.Is(err, c.err) || !cmp.Equal(got, c.want) {
			t.Errorf("%s: %v, %v; want %v, %v", name, got, err, c.want, c.err)
		}
	}
}

func TestDescriptionOfABean(t *testing.T) {
	t.Parallel()
	got, err := beanInfo(fromJava(t, "rmi:bean info"))
	if err != nil {
		t.Fatal(err)
	}
	want := &BeanInfo{
		Class: "C", Attributes: []string{"A"},
		Operations: []Operation{{Name: "op", Signature: []string{"java.lang.String"}, Returns: "void"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestListOfAttributes(t *testing.T) {
	t.Parallel()
	got, err := attributeList(fromJava(t, "rmi:attributes"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"A": int32(1), "B": nil}, got); diff != "" {
		t.Error(diff)
	}
}

// Whatever a stream holds, to make sense of it neither panics nor takes long.
func FuzzDecodePlain(f *testing.F) {
	text, err := os.ReadFile("javaobj/testdata/streams.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		_, stream, _ := strings.Cut(strings.TrimSpace(line), "\t")
		b, err := hex.DecodeString(stream)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	limits := javaobj.Limits{Bytes: 1 << 20, Memory: 4 << 20, Depth: 100}
	f.Fuzz(func(_ *testing.T, stream []byte) {
		d, err := javaobj.NewDecoder(strings.NewReader(string(stream)), limits)
		if err != nil {
			return
		}
		v, err := d.Object()
		if err != nil {
			return
		}
		if value, err := plain(v); err == nil {
			_, _ = AsStrings(value)
			_, _ = AsStringMap(value)
		}
		_, _ = beanInfo(v)
		_, _ = attributeList(v)
		_, _ = notifications(v)
		if e := exception(v); e != nil {
			_ = e.Error()
			_ = errors.Is(e, ErrNotFound)
		}
	})
}
