package main

import (
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/icarus-sidecar/icarus/hack/bench/mover"
)

func TestShapesAreWhatTheyAreCalled(t *testing.T) {
	t.Parallel()
	want := map[string]struct {
		files int
		bytes int64
	}{"a": {4, 4 * gib}, "b": {200, 1000 * mib}, "c": {20_000, 20_000 * 50 * kib}}
	for _, s := range shapes {
		files := s.files(1)
		if w, ok := want[s.name]; ok && (len(files) != w.files || total(files) != w.bytes) {
			t.Errorf("%s has %d files of %d bytes", s.name, len(files), total(files))
		}
		if small := s.files(0.1); total(small) >= total(files)/5 {
			t.Errorf("a tenth of %s has %d bytes of %d", s.name, total(small), total(files))
		}
	}
}

func TestEverySSTableHasEightComponents(t *testing.T) {
	t.Parallel()
	components := map[string]int{}
	for name, size := range sstables(250) {
		generation, _, _ := strings.Cut(strings.TrimPrefix(path.Base(name), "nb-"), "-")
		components[generation]++
		if size <= 0 {
			t.Errorf("%s has %d bytes", name, size)
		}
	}
	if len(components) != 250 {
		t.Errorf("there are %d SSTables", len(components))
	}
	for generation, n := range components {
		if n != 8 {
			t.Errorf("SSTable %s has %d components", generation, n)
		}
	}
}

func TestAJobFindsTheFilesThatWereMadeAndTheirDigests(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "source")
	made := map[string]int64{"x/empty": 0, "x/small": 10, "large": 300 * kib}
	if err := write(dir, made); err != nil {
		t.Fatal(err)
	}
	j := mover.Job{Up: true, Dir: dir, Prefix: "run"}
	files, err := j.Files()
	if err != nil {
		t.Fatal(err)
	}
	sums, err := j.Sums()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(made) || files[0].Name != "large" || files[0].Key != "run/large" {
		t.Errorf("the files are %v", files)
	}
	for _, f := range files {
		if f.Size != made[f.Name] || len(sums[f.Name]) != 64 {
			t.Errorf("%s has %d bytes and digest %q", f.Name, f.Size, sums[f.Name])
		}
	}
	if err := same(dir, dir); err != nil {
		t.Error(err)
	}
	if err := same(dir, t.TempDir()); err == nil {
		t.Error("an empty directory was taken for what had to come back")
	}
}

func TestARatioIsToTheBestOfTheOthers(t *testing.T) {
	t.Parallel()
	took := func(name string, up bool, seconds ...int) *result {
		r := &result{shape: "b", store: onS3, mover: name, up: up, files: 10, bytes: 1e9}
		for _, w := range seconds {
			r.samples = append(r.samples, sample{wall: time.Duration(w) * time.Second, cpu: time.Second, rss: 20 << 20, requests: 10})
		}
		return r
	}
	text := settings{latency: time.Millisecond}.markdown([]*result{
		took(ours, true, 5, 4, 6), took("floor", true, 3, 2, 3), took(synced, true, 1), took("minio", true, 8), took(ours, false, 1),
	})
	for _, want := range []string{
		"| up | icarus | 4.00 (5.00) | 250 | 1.00 | 20 | 1.00 | 0.25 |",
		"| up | floor | 2.00 (3.00) | 500 | 1.00 | 20 | 1.00 | 2.00 |", // not to the same mover that syncs
		"| down | icarus | 1.00 (1.00) | 1000 | 1.00 | 20 | 1.00 | - |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
}

func TestWhatIsAskedForMustExist(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-shape", "z"}, {"-mover", "cp"}, {"-store", "tape"}, {"-scale", "0"}, {"-scale", "2"}, {"-rounds", "0"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%v was taken", args)
		}
	}
	if _, err := parse([]string{"-shape", "b,c", "-scale", "1"}); err != nil {
		t.Error(err)
	}
}
