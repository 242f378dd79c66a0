package sstable_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/sstable"
)

func TestParseName(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		file string
		want sstable.Name
	}{
		"3.0":                {"mc-1-big-Data.db", sstable.Name{Base: "mc-1-big", Generation: "1", Format: "big", Component: "Data.db"}},
		"3.11":               {"me-12-big-CompressionInfo.db", sstable.Name{Base: "me-12-big", Generation: "12", Format: "big", Component: "CompressionInfo.db"}},
		"4.0":                {"nb-3-big-Digest.crc32", sstable.Name{Base: "nb-3-big", Generation: "3", Format: "big", Component: "Digest.crc32"}},
		"4.1 with an id":     {"nb-3g1m_0abc_2xyz12ojs8ceq4fxpn-big-TOC.txt", sstable.Name{Base: "nb-3g1m_0abc_2xyz12ojs8ceq4fxpn-big", Generation: "3g1m_0abc_2xyz12ojs8ceq4fxpn", Format: "big", Component: "TOC.txt"}},
		"5.0":                {"oa-1-big-Summary.db", sstable.Name{Base: "oa-1-big", Generation: "1", Format: "big", Component: "Summary.db"}},
		"5.0 with tries":     {"da-3gfz_1b2c_00ooo2jqxtgdvuwm5v-bti-Partitions.db", sstable.Name{Base: "da-3gfz_1b2c_00ooo2jqxtgdvuwm5v-bti", Generation: "3gfz_1b2c_00ooo2jqxtgdvuwm5v", Format: "bti", Component: "Partitions.db"}},
		"a part of an SAI":   {"da-1-bti-SAI+ba+idx+PrimaryKey.db", sstable.Name{Base: "da-1-bti", Generation: "1", Format: "bti", Component: "SAI+ba+idx+PrimaryKey.db"}},
		"a part of a SASI":   {"nb-1-big-SI_by_name.db", sstable.Name{Base: "nb-1-big", Generation: "1", Format: "big", Component: "SI_by_name.db"}},
		"2.2":                {"la-7-big-Digest.adler32", sstable.Name{Base: "la-7-big", Generation: "7", Format: "big", Component: "Digest.adler32"}},
		"2.0":                {"ks-table-jb-1-Data.db", sstable.Name{Base: "ks-table-jb-1", Generation: "1", Component: "Data.db"}},
		"2.1 with an index":  {"ks1-t_2.by_name-ka-10-Digest.sha1", sstable.Name{Base: "ks1-t_2.by_name-ka-10", Generation: "10", Component: "Digest.sha1"}},
		"2.1, short names":   {"nb-t-ka-1-Data.db", sstable.Name{Base: "nb-t-ka-1", Generation: "1", Component: "Data.db"}},
		"2.1, a name of 1":   {"nb-1-ka-1-Data.db", sstable.Name{Base: "nb-1-ka-1", Generation: "1", Component: "Data.db"}},
		"a format to come":   {"zz-1-trie-Data.db", sstable.Name{Base: "zz-1-trie", Generation: "1", Format: "trie", Component: "Data.db"}},
		"nothing but a form": {"aa-0-big-A", sstable.Name{Base: "aa-0-big", Generation: "0", Format: "big", Component: "A"}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			got, ok := sstable.ParseName(test.file)
			if diff := cmp.Diff(test.want, got); diff != "" || !ok {
				t.Errorf("%s is %v:\n%s", test.file, ok, diff)
			}
		})
	}
}

func TestNamesOfOtherFiles(t *testing.T) {
	t.Parallel()
	for _, file := range []string{
		"", "schema.cql", "manifest.json", "Data.db", "-Data.db", "nb-1-big", "nb-1-big-", "nb--big-Data.db",
		"tmp-la-1-big-Data.db", "ks-table-tmp-ka-1-Data.db", "nb-1-big-Data.db\n", "nb-1-big-../Data.db", "nb-1-big-.hidden",
		"nb-1/2-big-Data.db", "NB-1-big-Data.db", "nb_txn_compaction_5f9c.log", "nb-1-big-Data.db\x00", "ks-t-jb-x-Data.db", "nb-1-Data.db",
		"nb-1-big-" + strings.Repeat("D", 300),
	} {
		if got, ok := sstable.ParseName(file); ok {
			t.Errorf("%q is taken for %+v", file, got)
		}
	}
}

func FuzzParseName(f *testing.F) {
	for _, seed := range []string{
		"mc-1-big-Data.db", "nb-3g1m_0abc_2xyz-big-TOC.txt", "da-1-bti-SAI+ba+idx+PrimaryKey.db",
		"ks-table-jb-1-Data.db", "ks-t.idx-ka-1-Digest.sha1", "schema.cql", "-", "nb-1-ka-1-Data.db",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file string) {
		n, ok := sstable.ParseName(file)
		if !ok {
			if n != (sstable.Name{}) {
				t.Errorf("%q is no name, and is %+v", file, n)
			}
			return
		}
		if n.Base+"-"+n.Component != file {
			t.Errorf("%q fell apart into %+v", file, n)
		}
		if strings.ContainsAny(file, "/\\\x00\n") || n.Generation == "" || !strings.Contains(n.Base, n.Generation) {
			t.Errorf("%q is taken for %+v", file, n)
		}
	})
}
