package controller

import (
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/v1alpha1"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

// factsOf reads what was decided out of a status.
func factsOf(s *v1alpha1.OperationStatus) cluster.Facts {
	f := cluster.Facts{SnapshotTag: s.SnapshotTag, Warnings: s.Warnings}
	for _, n := range s.Nodes {
		f.Hosts = append(f.Hosts, n.HostID)
	}
	c := s.Coordination
	if c == nil {
		return f
	}
	f.Phase, f.Tables, f.Skipped, f.Deadline = c.Step, c.Tables, c.Skipped, instant(c.Deadline)
	if c.Verdict != "" {
		f.Ending = &cluster.Ending{Verdict: cluster.Verdict(c.Verdict), CancelSince: instant(c.CancelSince)}
		for _, e := range s.Errors {
			f.Ending.Errors = append(f.Ending.Errors, rest.OperationError{Source: e.Source, Message: e.Message})
		}
	}
	return f
}

// keepFacts writes what was decided into a status.
func keepFacts(s *v1alpha1.OperationStatus, f cluster.Facts) {
	s.SnapshotTag = cut(f.SnapshotTag, maxTag)
	s.Warnings = nil
	for _, w := range f.Warnings[:min(len(f.Warnings), v1alpha1.MaxWarnings)] {
		s.Warnings = append(s.Warnings, cut(w, v1alpha1.MaxMessage))
	}
	if s.Coordination == nil {
		s.Coordination = &v1alpha1.Coordination{}
	}
	c := s.Coordination
	c.Step, c.Tables, c.Skipped, c.Deadline = f.Phase, f.Tables, f.Skipped, timeOf(f.Deadline)
	if f.Ending != nil {
		c.Verdict, c.CancelSince = v1alpha1.Verdict(f.Ending.Verdict), timeOf(f.Ending.CancelSince)
		keepErrors(s, f.Ending.Errors)
	}
}

func keepErrors(s *v1alpha1.OperationStatus, errs []rest.OperationError) {
	s.Errors = nil
	for _, e := range errs[:min(len(errs), v1alpha1.MaxErrors)] {
		s.Errors = append(s.Errors, v1alpha1.OperationError{Source: cut(e.Source, maxName), Message: cut(e.Message, v1alpha1.MaxMessage)})
	}
}

// sameFacts reports whether two statuses hold the same decisions.
func sameFacts(a, b *v1alpha1.OperationStatus) bool {
	return a.SnapshotTag == b.SnapshotTag &&
		equality.Semantic.DeepEqual(a.Coordination, b.Coordination) &&
		equality.Semantic.DeepEqual(a.Warnings, b.Warnings) &&
		equality.Semantic.DeepEqual(a.Errors, b.Errors)
}

// The bounds of the fields that have no constant of their own.
const (
	maxTag       = 250
	maxName      = 253
	maxID        = 36
	maxShortName = 100
	maxCluster   = 256
	// enoughCondition is what a person reads; the API would take 32768.
	enoughCondition = 2048
)

// cut keeps a text within a number of characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most-1]) + "…"
}

// timeOf is a time as the API holds it, in whole seconds; nil for the zero one.
func timeOf(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	m := metav1.NewTime(t).Rfc3339Copy()
	return &m
}

func instant(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}
