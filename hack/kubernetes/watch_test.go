package kubernetes

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestRowsStandUnderOneHeader(t *testing.T) {
	t.Parallel()
	columns := []metav1.TableColumnDefinition{{Name: "Name"}, {Name: "Phase"}, {Name: "Nodes"}, {Name: "Age"}, {Name: "Message", Priority: 1}}
	row := func(cells ...any) metav1.TableRow { return metav1.TableRow{Cells: cells} }
	out := &bytes.Buffer{}
	w := &tableWriter{out: out}
	for _, table := range []metav1.Table{
		{ColumnDefinitions: columns, Rows: []metav1.TableRow{row("friday-back", nil, nil, "0s", nil)}},
		{Rows: []metav1.TableRow{row("friday-back", "Initializing", "0/3", "1s", "waits")}},
		{Rows: []metav1.TableRow{row("friday-back", "Initializing", "0/3", "2s", "works")}}, // shows nothing new
		{Rows: []metav1.TableRow{row("friday-back", "Completed", "3/3", "3s", "done")}},
	} {
		if err := w.write(&table); err != nil {
			t.Fatal(err)
		}
	}
	want := `    NAME          PHASE          NODES   AGE
    friday-back                          0s
    friday-back   Initializing   0/3     1s
    friday-back   Completed      3/3     3s
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}
