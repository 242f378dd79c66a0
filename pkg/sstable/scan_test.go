package sstable_test

import (
	"errors"
	"hash/adler32"
	"io"
	"io/fs"
	"os"
	"strconv"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/sstable"
)

var modified = time.Date(2026, 11, 23, 5, 8, 0, 0, time.UTC)

// files makes a file system of names and contents.
func files(contents map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, content := range contents {
		fsys[name] = &fstest.MapFile{Data: []byte(content), ModTime: modified}
	}
	return fsys
}

// names are the directories and files that a scan found, in its order.
func names(found []sstable.SSTable) map[string][]string {
	m := map[string][]string{}
	for _, s := range found {
		at := s.Index + "/" + s.Dir()
		for _, c := range s.Components {
			m[at] = append(m[at], c.File)
		}
	}
	return m
}

// The directory is a snapshot that the original backed up; under these very
// names it put the files into its bucket.
func TestScanNamesWhatTheOriginalNames(t *testing.T) {
	t.Parallel()
	found, err := sstable.Scan(os.DirFS("testdata"), "snapshot")
	if err != nil {
		t.Fatal(err)
	}
	all := []string{
		"nb-2-big-CompressionInfo.db", "nb-2-big-Data.db", "nb-2-big-Digest.crc32", "nb-2-big-Filter.db",
		"nb-2-big-Index.db", "nb-2-big-Statistics.db", "nb-2-big-Summary.db", "nb-2-big-TOC.txt",
	}
	if diff := cmp.Diff(map[string][]string{"/2-1392624994": all, ".vi/2-3511275174": all}, names(found)); diff != "" {
		t.Error(diff)
	}
	if len(found) != 2 || found[0].Index != "" || found[1].Index != ".vi" {
		t.Fatalf("the table's are not first: %+v", found)
	}
	c := found[1].Components[1]
	if c.Path != "snapshot/.vi/nb-2-big-Data.db" || c.Size != 39 || c.Modified.IsZero() {
		t.Errorf("the data is %+v", c)
	}
}

func TestScan(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		contents map[string]string
		want     map[string][]string
	}{
		"SSTables of all forms side by side": {
			map[string]string{
				"s/mc-1-big-Data.db": "", "s/mc-1-big-Digest.crc32": "1",
				"s/nb-3g1m_0abc_2xyz-big-Data.db": "", "s/nb-3g1m_0abc_2xyz-big-Digest.crc32": "2\n",
				"s/da-1-bti-Data.db": "", "s/da-1-bti-Digest.crc32": "3", "s/da-1-bti-Rows.db": "", "s/da-1-bti-SAI+ba+i+PrimaryKey.db": "",
				"s/ks-t-jb-1-Data.db": "", "s/ks-t-jb-1-Digest.sha1": "ab01  ks-t-jb-1-Data.db",
				"s/la-1-big-Data.db": "", "s/la-1-big-Digest.adler32": "4",
			},
			map[string][]string{
				"/1-1":              {"mc-1-big-Data.db", "mc-1-big-Digest.crc32"},
				"/3g1m_0abc_2xyz-2": {"nb-3g1m_0abc_2xyz-big-Data.db", "nb-3g1m_0abc_2xyz-big-Digest.crc32"},
				"/1-3":              {"da-1-bti-Data.db", "da-1-bti-Digest.crc32", "da-1-bti-Rows.db", "da-1-bti-SAI+ba+i+PrimaryKey.db"},
				"/1-ab01":           {"ks-t-jb-1-Data.db", "ks-t-jb-1-Digest.sha1"},
				"/1-4":              {"la-1-big-Data.db", "la-1-big-Digest.adler32"},
			},
		},
		"what is no SSTable": {
			map[string]string{"s/schema.cql": "CREATE", "s/manifest.json": "{}", "s/snapshots/x/nb-1-big-Data.db": "", "s/.empty/manifest.json": ""},
			map[string][]string{},
		},
		"an index of an empty table": {
			map[string]string{"s/schema.cql": "", "s/.by_v/nb-9-big-Data.db": "", "s/.by_v/nb-9-big-Digest.crc32": "7"},
			map[string][]string{".by_v/9-7": {"nb-9-big-Data.db", "nb-9-big-Digest.crc32"}},
		},
		"a component that the TOC does not name": {
			map[string]string{"s/nb-1-big-Data.db": "", "s/nb-1-big-Digest.crc32": "5", "s/nb-1-big-TOC.txt": "Data.db\n", "s/nb-1-big-New.db": ""},
			map[string][]string{"/1-5": {"nb-1-big-Data.db", "nb-1-big-Digest.crc32", "nb-1-big-New.db", "nb-1-big-TOC.txt"}},
		},
		"a summary that Cassandra makes anew": {
			map[string]string{"s/nb-1-big-Data.db": "", "s/nb-1-big-Digest.crc32": "5", "s/nb-1-big-TOC.txt": "Data.db\nSummary.db\nFilter.db\n"},
			map[string][]string{"/1-5": {"nb-1-big-Data.db", "nb-1-big-Digest.crc32", "nb-1-big-TOC.txt"}},
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			found, err := sstable.Scan(files(test.contents), "s")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, names(found)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestScanOfWhatIsNotWhole(t *testing.T) {
	t.Parallel()
	for what, contents := range map[string]map[string]string{
		"no Data.db":                  {"s/nb-1-big-TOC.txt": "Data.db", "s/nb-1-big-Index.db": ""},
		"no Data.db in an index":      {"s/.i/nb-1-big-Index.db": ""},
		"a component is missing":      {"s/nb-1-big-Data.db": "", "s/nb-1-big-TOC.txt": "Data.db\nStatistics.db\n"},
		"a part of an SAI is missing": {"s/da-1-bti-Data.db": "", "s/da-1-bti-TOC.txt": "Data.db\nSAI+ba+i+PrimaryKey.db\n"},
		"the TOC is none":             {"s/nb-1-big-Data.db": "", "s/nb-1-big-TOC.txt": "\x00\x00\x00"},
		"a form that is not known":    {"s/n-1-Data.db": ""},
		"a temporary one":             {"s/tmp-la-1-big-Data.db": ""},
		"a directory in its place":    {"s/nb-1-big-Data.db/x": ""},
		"an index that is none":       {"s/.a b/nb-1-big-Data.db": ""},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			found, err := sstable.Scan(files(contents), "s")
			if !errors.Is(err, sstable.ErrIncomplete) || found != nil {
				t.Errorf("found %+v, and %v", found, err)
			}
		})
	}
}

func TestScanOfADirectoryThatIsNotThere(t *testing.T) {
	t.Parallel()
	if _, err := sstable.Scan(os.DirFS(t.TempDir()), "s"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
}

func TestScanRefusesLinks(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := os.Symlink("/etc/hostname", root+"/nb-1-big-Data.db"); err != nil {
		t.Fatal(err)
	}
	if _, err := sstable.Scan(os.DirFS(root), "."); !errors.Is(err, sstable.ErrIncomplete) {
		t.Errorf("error is %v", err)
	}
}

// unseekable is a file system whose files can only be read forward.
type unseekable struct{ fs.FS }

func (u unseekable) Open(name string) (fs.File, error) {
	f, err := u.FS.Open(name)
	if d, ok := f.(fs.ReadDirFile); ok || err != nil {
		return d, err
	}
	return struct{ fs.File }{f}, nil
}

func TestDigestOfDataWithoutOne(t *testing.T) {
	t.Parallel()
	const tail = 10 << 20
	long := make([]byte, tail+3)
	copy(long, "abcdef")
	for what, test := range map[string]struct {
		data, digest string
		summed       []byte
	}{
		"the whole of a short file":         {data: "some data", summed: []byte("some data")},
		"the end of a long one":             {data: string(long), summed: long[3:]},
		"in place of a digest that is none": {data: "x", digest: "\n", summed: []byte("x")},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			contents := map[string]string{"nb-1-big-Data.db": test.data}
			if test.digest != "" {
				contents["nb-1-big-Digest.crc32"] = test.digest
			}
			want := "1-" + strconv.FormatUint(uint64(adler32.Checksum(test.summed)), 10)
			for _, fsys := range []fs.FS{files(contents), unseekable{files(contents)}} {
				found, err := sstable.Scan(fsys, ".")
				if err != nil {
					t.Fatal(err)
				}
				if len(found) != 1 || found[0].Dir() != want {
					t.Errorf("over a %T it is %+v, want %s", fsys, found, want)
				}
			}
		})
	}
}

// broken fails at the bytes of one file.
type broken struct {
	fs.FS
	name string
}

type brokenFile struct{ fs.File }

func (brokenFile) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func (b broken) Open(name string) (fs.File, error) {
	f, err := b.FS.Open(name)
	if err == nil && name == b.name {
		return brokenFile{f}, nil
	}
	return f, err
}

func TestScanOfABrokenDisk(t *testing.T) {
	t.Parallel()
	contents := map[string]string{"s/nb-1-big-Data.db": "x", "s/nb-1-big-TOC.txt": "Data.db", "s/nb-1-big-Digest.crc32": "-"}
	for name := range contents {
		_, err := sstable.Scan(broken{files(contents), name}, "s")
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("where %s cannot be read the error is %v", name, err)
		}
	}
}
