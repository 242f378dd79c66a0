package contract_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// row is one of docs/contract.md. Its title is the second cell there.
type row struct {
	id, title string
	test      func(t *testing.T)
	// absent is what docs say of a field that is left out; "-" for rows that are
	// not of fields.
	absent string
}

// of is a row of what is no field.
func of(id, title string, test func(t *testing.T)) row { return row{id, title, test, "-"} }

func rows() []row {
	return slices.Concat(answers, filters, refusals, envelope, upkeep, upkeepFields, imports, importFields, backups, bucketFields, backupFields,
		restores, restoreFields, logs, logFields, retained, retainedFields, lives, coordination, locations, layout, choices, phases, stopped)
}

func TestContract(t *testing.T) {
	t.Parallel()
	for _, r := range rows() {
		t.Run(r.id+" "+r.title, func(t *testing.T) {
			t.Parallel()
			r.test(t)
		})
	}
}

// Each row of the page has a test, each test a row, and what the page says of
// fields that are left out is what the test expects.
func TestThePageAndTheTestsTellTheSame(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/contract.md")
	noError(t, err)
	var tested []string
	for _, r := range rows() {
		tested = append(tested, r.id+" "+r.title+" "+r.absent)
	}
	written := rowsOf(string(page))
	if len(written) < 100 {
		t.Fatalf("the page has %d rows", len(written))
	}
	for _, list := range [][]string{tested, written} {
		slices.Sort(list)
		for i := range list[1:] {
			if number(list[i]) == number(list[i+1]) {
				t.Errorf("row %s is there twice", number(list[i]))
			}
		}
	}
	if diff := cmp.Diff(written, tested); diff != "" {
		t.Errorf("the rows of the page, and those that have tests (-page +tests):\n%s", diff)
	}
}

func number(row string) string {
	n, _, _ := strings.Cut(row, " ")
	return n
}

var rowForm = regexp.MustCompile(`^\| (\d+\.\d+\.\d+) \|`)

// rowsOf are the numbers and titles of a page's rows. In a table with the column
// "left out" that cell follows them.
func rowsOf(page string) (rows []string) {
	column := -1
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		for i := range cells {
			cells[i] = strings.ReplaceAll(strings.TrimSpace(cells[i]), "`", "")
		}
		if cells[0] == "row" {
			column = slices.Index(cells, "left out")
		}
		if !rowForm.MatchString(line) {
			continue
		}
		absent := "-"
		if column >= 0 {
			absent = cells[column]
		}
		rows = append(rows, cells[0]+" "+cells[1]+" "+absent)
	}
	return rows
}
