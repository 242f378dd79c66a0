package sstable_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/sstable"
)

func TestParseTOC(t *testing.T) {
	t.Parallel()
	got, err := sstable.ParseTOC([]byte("Data.db\r\n\n  Index.db\nSAI+aa+by_name+TermsData.db"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Data.db", "Index.db", "SAI+aa+by_name+TermsData.db"}, got); diff != "" {
		t.Error(diff)
	}
	if got, err := sstable.ParseTOC(nil); len(got) > 0 || err != nil {
		t.Errorf("an empty one is %v, %v", got, err)
	}
}

func TestParseTOCRefuses(t *testing.T) {
	t.Parallel()
	for what, body := range map[string]string{
		"what climbs":       "../../etc/passwd\n",
		"what is binary":    "Data.db\n\x00\x01\x02",
		"two in a line":     "Data.db Index.db",
		"a line too long":   strings.Repeat("x", 256),
		"a file too long":   strings.Repeat("Data.db\n", 1<<18),
		"what begins so: +": "+x",
	} {
		if got, err := sstable.ParseTOC([]byte(body)); !errors.Is(err, sstable.ErrIncomplete) {
			t.Errorf("%s is taken for %.5q, %v", what, got, err)
		}
	}
}

func FuzzParseTOC(f *testing.F) {
	f.Add([]byte("TOC.txt\nSummary.db\nFilter.db\nData.db\n"))
	f.Add([]byte("Data.db\r\n\r\nSAI+ba+idx+PrimaryKey.db"))
	f.Add([]byte("../x"))
	f.Fuzz(func(t *testing.T, body []byte) {
		components, err := sstable.ParseTOC(body)
		if err != nil {
			if !errors.Is(err, sstable.ErrIncomplete) || components != nil {
				t.Errorf("it is %q with %v", components, err)
			}
			return
		}
		for _, c := range components {
			if n, ok := sstable.ParseName("nb-1-big-" + c); len(c) < 200 && (!ok || n.Component != c) {
				t.Errorf("%q is not the component of a file", c)
			}
		}
		again, err := sstable.ParseTOC([]byte(strings.Join(components, "\n")))
		if diff := cmp.Diff(components, again); diff != "" || err != nil {
			t.Errorf("written anew it is another: %v\n%s", err, diff)
		}
	})
}
