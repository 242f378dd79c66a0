package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	// GroupVersion is icarus.io/v1alpha1.
	GroupVersion = schema.GroupVersion{Group: "icarus.io", Version: "v1alpha1"}

	// SchemeBuilder collects what AddToScheme adds.
	SchemeBuilder = runtime.NewSchemeBuilder(addKinds)

	// AddToScheme adds the kinds of this package to a scheme.
	AddToScheme = SchemeBuilder.AddToScheme
)

// Resource is the name of a resource in this group.
func Resource(resource string) schema.GroupResource {
	return GroupVersion.WithResource(resource).GroupResource()
}

func addKinds(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&CassandraBackup{}, &CassandraBackupList{},
		&CassandraRestore{}, &CassandraRestoreList{},
	)
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
