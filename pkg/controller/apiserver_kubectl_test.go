package controller

import (
	"context"
	"encoding/json"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/icarus-sidecar/icarus/api/v1alpha1"
)

var _ = Describe("kubectl", func() {
	It("gets what tells the story, and with -o wide tag and location", func(ctx SpecContext) {
		b, r := newBackup("columns", e.ring), newRestore("columns", e.ring)
		e.create(ctx, b)
		e.eventually(ctx, b, finished)
		e.create(ctx, r)
		e.eventually(ctx, r, finished)
		for resource, tag := range map[string]string{"cassandrabackups": b.Status.SnapshotTag, "cassandrarestores": r.Status.SnapshotTag} {
			narrow, wide := columns(ctx, resource, "columns")
			Expect(narrow).To(And(HaveKeyWithValue("Cluster", clusterName), HaveKeyWithValue("Phase", "Completed"),
				HaveKeyWithValue("Progress", "100%"), HaveKeyWithValue("Nodes", "3/3"), HaveKey("Size"), HaveKey("Age")), resource)
			Expect(wide).To(And(HaveKeyWithValue("Tag", tag), HaveKeyWithValue("Location", "s3://backups"), HaveKey("Message")), resource)
		}
	})

	It("explains every field of a spec", func(ctx SpecContext) {
		var document struct {
			Components struct {
				Schemas map[string]struct {
					Properties map[string]struct {
						Properties map[string]struct {
							Description string `json:"description"`
						} `json:"properties"`
					} `json:"properties"`
				} `json:"schemas"`
			} `json:"components"`
		}
		get(ctx, "/openapi/v3/apis/"+v1alpha1.GroupVersion.String(), "application/json", &document)
		for _, kind := range []string{"CassandraBackup", "CassandraRestore"} {
			fields := document.Components.Schemas["io.icarus.v1alpha1."+kind].Properties["spec"].Properties
			Expect(fields).To(HaveKey("storageLocation"), kind)
			for name, field := range fields {
				Expect(field.Description).NotTo(BeEmpty(), "%s.spec.%s", kind, name)
			}
		}
	})
})

// columns are what the API server makes of an object for kubectl get, and what it adds
// for -o wide.
func columns(ctx context.Context, resource, name string) (narrow, wide map[string]any) {
	GinkgoHelper()
	var table metav1.Table
	get(ctx, "/apis/"+v1alpha1.GroupVersion.String()+"/namespaces/"+namespace+"/"+resource+"/"+name,
		"application/json;as=Table;v=v1;g=meta.k8s.io", &table)
	Expect(table.Rows).To(HaveLen(1))
	narrow, wide = map[string]any{}, map[string]any{}
	for i, c := range table.ColumnDefinitions {
		into := narrow
		if c.Priority > 0 {
			into = wide
		}
		into[c.Name] = table.Rows[0].Cells[i]
	}
	return narrow, wide
}

// get reads a document of the API server.
func get(ctx context.Context, path, accept string, into any) {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.server+path, http.NoBody)
	Expect(err).NotTo(HaveOccurred())
	request.Header.Set("Accept", accept)
	answer, err := e.http.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer answer.Body.Close()
	Expect(answer.StatusCode).To(Equal(http.StatusOK), path)
	Expect(json.NewDecoder(answer.Body).Decode(into)).To(Succeed())
}
