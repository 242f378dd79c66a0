package javaobj

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func decode(b []byte, l Limits) (any, error) {
	d, err := NewDecoder(bytes.NewReader(b), l)
	if err != nil {
		return nil, err
	}
	return d.Object()
}

func mustDecode(tb testing.TB, b []byte) any {
	tb.Helper()
	v, err := decode(b, DefaultLimits())
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// An answer to getAttribute as a server sent it: a block, then an Integer.
const answer = `aced0005 770f 01 f73eae3d 000001a206b413c1 c931
	73 72 0011 6a6176612e6c616e672e496e7465676572 12e2a0a4f7818738 02 0001 49 0005 76616c7565 70 78
	   72 0010 6a6176612e6c616e672e4e756d626572 86ac951d0b94e08b 02 0000 70 78 70   0000004d`

func TestAnswerIsReadToItsEndAndNoFurther(t *testing.T) {
	t.Parallel()
	r := bufio.NewReader(bytes.NewReader(append(unhex(t, answer), 0x53)))
	d, err := NewDecoder(r, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	block, err := d.Block()
	if err != nil {
		t.Fatal(err)
	}
	if want := unhex(t, "01 f73eae3d 000001a206b413c1 c931"); !bytes.Equal(block, want) {
		t.Errorf("block %x, want %x", block, want)
	}
	v, err := d.Object()
	if err != nil {
		t.Fatal(err)
	}
	number := &Class{Name: "java.lang.Number", SUID: -8742448824652078965, Flags: FlagSerializable}
	integer := &Class{
		Name: "java.lang.Integer", SUID: 1360826667806852920, Flags: FlagSerializable,
		Fields: []Field{{Type: 'I', Name: "value"}}, Super: number,
	}
	want := &Object{Class: integer, Slots: []Slot{{Class: number}, {Class: integer, Values: []any{int32(77)}}}}
	if diff := cmp.Diff(want, v); diff != "" {
		t.Error(diff)
	}
	if next, err := r.ReadByte(); err != nil || next != 0x53 {
		t.Errorf("after the answer comes %02x, %v", next, err)
	}
}

func TestStreamsOfJava(t *testing.T) {
	t.Parallel()
	streams := recorded(t)
	for name, stream := range streams {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := decode(stream, DefaultLimits())
			var aborted *AbortedError
			switch {
			case strings.HasSuffix(name, "failing writer"):
				if !errors.As(err, &aborted) {
					t.Fatalf("got %v, want an AbortedError", err)
				}
				if o, ok := aborted.Thrown.(*Object); !ok || o.Class.Name != "java.io.NotSerializableException" {
					t.Errorf("thrown was %v", aborted.Thrown)
				}
				return
			case err != nil:
				t.Fatal(err)
			}
			// cmp takes seconds where objects are shared.
			if plain := mustDecode(t, streams[strings.TrimPrefix(name, "rmi:")]); !reflect.DeepEqual(plain, v) {
				t.Error("it is not the same with annotated classes and without")
			}
			for cut := 0; cut < len(stream); cut += 1 + len(stream)/400 {
				if _, err := decode(stream[:cut], DefaultLimits()); !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatalf("cut at %d of %d: %v, want an unexpected end", cut, len(stream), err)
				}
			}
		})
	}
}

func TestReferencesKeepIdentity(t *testing.T) {
	t.Parallel()
	streams := recorded(t)
	twice := mustDecode(t, streams["twice the same"]).(*Array).Elements.([]any)
	if twice[0] != twice[1] {
		t.Error("one object became two")
	}
	cycle := mustDecode(t, streams["cycle"]).(*Object)
	if cycle.Field("next") != any(cycle) {
		t.Error("an object that refers to itself does not")
	}
}

func TestMalformedStreams(t *testing.T) {
	t.Parallel()
	const (
		head   = "aced0005"
		class  = "72 0001 41 0000000000000001 02 0000 78 70" // A, without fields
		array  = "72 0002 5b49 0000000000000001 02 0000 78 70"
		enum   = "72 0001 45 0000000000000001 12 0000 78 70"
		extern = "72 0001 58 0000000000000001 04 0000 78 70"
	)
	for name, stream := range map[string]string{
		"no header":                                "cafebabe 70",
		"another version":                          "aced0004 70",
		"an unknown tag":                           head + "6f",
		"a block in place of an object":            head + "7701ff",
		"an end of nothing":                        head + "78",
		"a reference to nothing":                   head + "71 007e0000",
		"a reference below all":                    head + "71 00000000",
		"a reference far above":                    head + "71 ffffffff",
		"an object without a class":                head + "73 70",
		"an object whose class is a text":          head + "73 74 0001 41",
		"an object whose class is an earlier text": head + "75 72 0002 5b4c 0000000000000001 02 0000 78 70 00000002 74 0001 41 73 71 007e0002",
		"a class that is its own superclass":       head + "73 72 0001 41 0000000000000001 02 0000 78 71 007e0000",
		"a field of its own unfinished class":      head + "73 72 0001 41 0000000000000001 02 0001 4c 0001 66 71 007e0000",
		"a field of an unknown type":               head + "73 72 0001 41 0000000000000001 02 0001 51 0001 66 78 70",
		"more fields than a class has":             head + "73 72 0001 41 0000000000000001 02 ffff",
		"more interfaces than a proxy has":         head + "73 7d 7fffffff",
		"a class that is not serializable":         head + "73 72 0001 41 0000000000000001 00 0000 78 70",
		"an object of an enum":                     head + "73" + enum,
		"an externalizable object without an end":  head + "73" + extern,
		"an enum of no enum":                       head + "7e" + class + "74 0001 41",
		"an enum that is its own name":             head + "7e" + enum + "71 007e0001",
		"an enum that no text names":               head + "7e" + enum + "70",
		"an array of a class that is none":         head + "75" + class + "00000000",
		"an array of fewer than none":              head + "75" + array + "ffffffff",
		"an array of nothing known":                head + "75 72 0002 5b51 0000000000000001 02 0000 78 70 00000001",
		"a class object of no class":               head + "76 70",
		"a reset within an object":                 head + "73 72 0001 41 0000000000000001 03 0000 78 70 79 78",
		"a block of fewer than none":               head + "73 72 0001 41 0000000000000001 03 0000 78 70 7a ffffffff",
		"a text that is no text":                   head + "74 0002 c3 28",
		"a text cut within a letter":               head + "74 0001 e2",
		"a text of four bytes a letter":            head + "74 0004 f09f9880",
		"a writer that failed twice":               head + "7b 7b 70",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if v, err := decode(unhex(t, stream), DefaultLimits()); !errors.Is(err, ErrMalformed) {
				t.Errorf("got %v, %v, want ErrMalformed", v, err)
			}
		})
	}
}

// Each of these is short and asks for much.
func TestGreedyStreamsCostLittle(t *testing.T) {
	const head = "aced0005"
	objects := unhex(t, head+"75 72 0013 5b4c6a6176612e6c616e672e4f626a6563743b 90ce589f1073296c 02 0000 78 70 7fffffff")
	nested := unhex(t, head)
	for range 100_000 {
		nested = append(nested, unhex(t, "75 72 0002 5b4c 0000000000000001 02 0000 78 70 00000001")...)
	}
	supers := unhex(t, head+"73")
	for range 100_000 {
		supers = append(supers, unhex(t, "72 0001 41 0000000000000001 02 0000 78")...)
	}
	// One class with thirty above it, and then many objects of six bytes each.
	lineage := unhex(t, head+"75 72 0002 5b4c 0000000000000001 02 0000 78 70 7fffffff 73")
	for range 31 {
		lineage = append(lineage, unhex(t, "72 0001 41 0000000000000001 02 0000 78")...)
	}
	lineage = append(lineage, 0x70)
	for range 100_000 {
		lineage = append(lineage, unhex(t, "73 71 007e0001")...)
	}
	limits := Limits{Bytes: 1 << 20, Memory: 4 << 20, Depth: 200}
	for name, stream := range map[string][]byte{
		"an array of two billion objects": append(objects, bytes.Repeat([]byte{0x70}, 1<<20)...),
		"a hundred thousand arrays":       nested,
		"a hundred thousand superclasses": supers,
		"objects of a long lineage":       lineage,
		"a text of many gigabytes":        unhex(t, head+"7c 7fffffffffffffff 41"),
		"a text of all there may be":      append(unhex(t, head+"7c 0000000000100000"), bytes.Repeat([]byte("x"), 1<<20)...),
		"resets without end":              append(unhex(t, head), bytes.Repeat([]byte{0x79}, 2<<20)...),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := decode(stream, limits)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, ErrLimit) && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v", name, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 5*uint64(limits.Memory) { // in all; most was garbage soon
			t.Errorf("%s took %d bytes", name, took)
		}
	}
	_, err := decode(unhex(t, head+"75 72 0002 5b4a 0000000000000001 02 0000 78 70 7fffffff 00"), limits)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a long array that ends: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, stream := range recorded(f) {
		f.Add(stream)
	}
	f.Add(unhex(f, answer))
	limits := Limits{Bytes: 1 << 20, Memory: 4 << 20, Depth: 100}
	f.Fuzz(func(t *testing.T, stream []byte) {
		d, err := NewDecoder(bytes.NewReader(stream), limits)
		if err != nil {
			return
		}
		for range 4 {
			v, err := d.Object()
			if err != nil {
				break
			}
			encodeAgain(t, v)
		}
	})
}

// encodeAgain proves that what was read and can be written is read again.
func encodeAgain(t *testing.T, v any) {
	t.Helper()
	e := NewEncoder(nil, false)
	if e.Object(v) != nil {
		return // an enum, a proxy, or what only others write
	}
	if _, err := decode(e.Bytes(), Limits{Bytes: 64 << 20, Memory: 256 << 20, Depth: 200}); err != nil {
		t.Errorf("decoding what was encoded: %v", err)
	}
}

func BenchmarkDecode(b *testing.B) {
	streams := recorded(b)
	for _, name := range []string{"rmi:int", "rmi:strings", "rmi:table", "rmi:exception with causes"} {
		b.Run(strings.ReplaceAll(strings.TrimPrefix(name, "rmi:"), " ", "-"), func(b *testing.B) {
			stream := streams[name]
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := decode(stream, DefaultLimits()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
