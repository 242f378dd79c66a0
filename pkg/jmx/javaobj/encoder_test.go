package javaobj

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// These streams hold nothing but what we write.
func TestEncodingWhatJavaWroteIsTheSameBytes(t *testing.T) {
	t.Parallel()
	streams := recorded(t)
	for _, name := range []string{
		"null", "string", "string with everything", "true", "byte", "char", "short", "int", "long", "float", "double",
		"strings", "bytes", "booleans", "chars", "shorts", "ints", "longs", "floats", "doubles", "no ints",
		"array list", "hash set", "hash map", "object name", "twice the same", "cycle", "unknown object",
	} {
		for _, annotated := range []bool{false, true} {
			stream := streams[name]
			if annotated {
				stream = streams["rmi:"+name]
			}
			if name == "string with everything" {
				// The half of a pair cannot be kept.
				stream = bytes.Replace(stream, []byte{0xed, 0xa0, 0x80}, []byte{0xef, 0xbf, 0xbd}, 1)
			}
			e := NewEncoder(nil, annotated)
			if err := e.Object(mustDecode(t, stream)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if diff := cmp.Diff(stream, e.Bytes()); diff != "" {
				t.Errorf("%s, annotated %v: %s", name, annotated, diff)
			}
		}
	}
}

func TestPrefixAndBlocksStandBeforeObjects(t *testing.T) {
	t.Parallel()
	e := NewEncoder([]byte{0x50}, true)
	for _, part := range []string{"ab", "c"} {
		if _, err := e.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Object("x"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Write(make([]byte, 256)); err != nil {
		t.Fatal(err)
	}
	want := append(unhex(t, "50 aced0005 7703 616263 74 0001 78 7a 00000100"), make([]byte, 256)...)
	if diff := cmp.Diff(want, e.Bytes()); diff != "" {
		t.Error(diff)
	}
}

func TestLongValuesSurvive(t *testing.T) {
	t.Parallel()
	ints := &Class{Name: "[I", SUID: 1, Flags: FlagSerializable}
	long := &Array{Class: ints, Elements: make([]int32, 40_000)}
	long.Elements.([]int32)[39_999] = -7
	blob := &Array{Class: &Class{Name: "[B", SUID: 1, Flags: FlagSerializable}, Elements: bytes.Repeat([]byte("ab"), 200_000)}
	for name, v := range map[string]any{
		"a text over 65535 bytes":  strings.Repeat("é", 40_000),
		"a text of 65535 bytes":    strings.Repeat("x", 65_535),
		"a text over a buffer":     strings.Repeat("x", 5_000),
		"an array of many numbers": long,
		"an array of many bytes":   blob,
		"a text with all in it":    "a\x00é€😀\U0010FFFF",
	} {
		e := NewEncoder(nil, false)
		if err := e.Object(v); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(v, mustDecode(t, e.Bytes())) {
			t.Errorf("%s is not what it was", name)
		}
	}
}

func TestWhatHasNoForm(t *testing.T) {
	t.Parallel()
	class := &Class{Name: "A", Flags: FlagSerializable, Fields: []Field{{Type: 'I', Name: "i"}}}
	for name, v := range map[string]any{
		"a Go int":                      5,
		"a nil object":                  (*Object)(nil),
		"a nil array":                   (*Array)(nil),
		"an object of no class":         &Object{},
		"an object without its slots":   &Object{Class: class},
		"a field of another type":       &Object{Class: class, Slots: []Slot{{Class: class, Values: []any{int64(1)}}}},
		"a dynamic proxy":               &Class{Interfaces: []string{"A"}},
		"an array of Go ints":           &Array{Class: class, Elements: []int{1}},
		"a name that is too long":       &Class{Name: strings.Repeat("x", 70_000)},
		"a field name that is too long": &Class{Fields: []Field{{Type: 'I', Name: strings.Repeat("x", 70_000)}}},
	} {
		if err := NewEncoder(nil, false).Object(v); err == nil {
			t.Errorf("%s was encoded", name)
		}
	}
}

func TestTextsOfDataOutput(t *testing.T) {
	t.Parallel()
	b, err := AppendUTF([]byte("-"), "é")
	if err != nil || !bytes.Equal(b, []byte("-\x00\x02\xc3\xa9")) {
		t.Errorf("got %x, %v", b, err)
	}
	s, rest, err := CutUTF([]byte("\x00\x02\xc3\xa9rest"))
	if err != nil || s != "é" || string(rest) != "rest" {
		t.Errorf("got %q, %q, %v", s, rest, err)
	}
	for _, bad := range []string{"", "\x00", "\x00\x02a", "\x00\x01\xff"} {
		if _, _, err := CutUTF([]byte(bad)); err == nil {
			t.Errorf("%q was cut", bad)
		}
	}
	if b, err := AppendUTF(nil, strings.Repeat("x", 70_000)); err == nil {
		t.Errorf("a long text became %d bytes", len(b))
	}
}
