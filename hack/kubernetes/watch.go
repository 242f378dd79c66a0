package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/icarus-sidecar/icarus/api/v1alpha1"
)

// Watch shows what kubectl get <resource> <name> -w shows, and returns the status
// when the object has ended. It asks the API server for the same table.
func (c *Cluster) Watch(ctx context.Context, resource, name string, out io.Writer) (status v1alpha1.OperationStatus, err error) {
	ctx, cancel := context.WithCancel(ctx) // nobody reads the answer to its end
	defer cancel()
	a, err := c.table(ctx, resource, name)
	if err != nil {
		return status, err
	}
	defer func() { _ = a.Body.Close() }() // it was read as far as it is wanted
	events := json.NewDecoder(a.Body)
	w := &tableWriter{out: out}
	for {
		var e struct {
			Type   string       `json:"type"`
			Object metav1.Table `json:"object"`
		}
		if err := events.Decode(&e); err != nil {
			return status, fmt.Errorf("watching %s %s: %w", resource, name, err)
		}
		if e.Type == "ERROR" {
			return status, fmt.Errorf("watching %s %s: the API server ended it", resource, name)
		}
		if err := w.write(&e.Object); err != nil {
			return status, err
		}
		for _, row := range e.Object.Rows {
			var object struct {
				Status v1alpha1.OperationStatus `json:"status"`
			}
			if err := json.Unmarshal(row.Object.Raw, &object); err != nil {
				return status, fmt.Errorf("watching %s %s: %w", resource, name, err)
			}
			status = object.Status
		}
		if status.IsFinished() {
			return status, nil
		}
		if e.Type == "DELETED" {
			return status, fmt.Errorf("watching %s %s: %w", resource, name, errDeleted)
		}
	}
}

var errDeleted = errors.New("it was deleted")

// table asks for the changes of one object as rows of a table.
func (c *Cluster) table(ctx context.Context, resource, name string) (*http.Response, error) {
	query := url.Values{"watch": {"true"}, "fieldSelector": {"metadata.name=" + name}, "includeObject": {"Object"}}
	address := fmt.Sprintf("%s/apis/%s/namespaces/%s/%s?%s", c.config.Host, v1alpha1.GroupVersion, c.Namespace, resource, query.Encode())
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("watching %s: %w", resource, err)
	}
	q.Header.Set("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
	a, err := c.http.Do(q)
	if err != nil {
		return nil, fmt.Errorf("watching %s: %w", resource, err)
	}
	if a.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("watching %s: the API server answers %s", resource, a.Status), a.Body.Close())
	}
	return a, nil
}

// roomFor is the length of the longest value of the columns that grow.
var roomFor = map[string]int{"Phase": len(v1alpha1.RestoreInitializing), "Size": len("1023.9 KiB"), "Cluster": 12}

// tableWriter writes rows under one header, the columns that a person sees
// without -o wide.
type tableWriter struct {
	out     io.Writer
	columns []metav1.TableColumnDefinition
	widths  []int
	last    string
}

func (w *tableWriter) write(t *metav1.Table) error {
	const gap = 3
	// Only the first table of a watch says what its columns are.
	first := len(w.columns) == 0
	if first {
		w.columns = t.ColumnDefinitions
		for i, c := range w.columns {
			width := max(len(c.Name), roomFor[c.Name])
			for _, row := range t.Rows {
				width = max(width, len(cell(row, i)))
			}
			w.widths = append(w.widths, width+gap)
		}
		if err := w.line(func(i int) string { return strings.ToUpper(w.columns[i].Name) }); err != nil {
			return err
		}
	}
	for _, row := range t.Rows {
		// What has changed is often in no column that is shown, and the age always does.
		shown := slices.Clone(row.Cells)
		for i, c := range w.columns {
			if i < len(shown) && (c.Priority > 0 || c.Name == "Age") {
				shown[i] = nil
			}
		}
		now := fmt.Sprint(shown)
		if now == w.last {
			continue
		}
		w.last = now
		if err := w.line(func(i int) string { return cell(row, i) }); err != nil {
			return err
		}
	}
	return nil
}

func (w *tableWriter) line(value func(column int) string) error {
	var text strings.Builder
	for i, c := range w.columns {
		if c.Priority == 0 {
			fmt.Fprintf(&text, "%-*s", w.widths[i], value(i))
		}
	}
	_, err := fmt.Fprintf(w.out, "    %s\n", strings.TrimRight(text.String(), " "))
	return err
}

// cell is a value as kubectl shows it.
func cell(row metav1.TableRow, i int) string {
	if i >= len(row.Cells) || row.Cells[i] == nil {
		return ""
	}
	return fmt.Sprint(row.Cells[i])
}
