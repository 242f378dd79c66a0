package controller

import (
	"fmt"
	"strconv"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/v1alpha1"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

// progress notes how far the whole is. It never goes back.
func (s *scope) progress(d cluster.Decision) {
	status := s.job.status()
	status.ProgressPercent = max(status.ProgressPercent, percent(d.Progress))
}

// count sums up the nodes.
func (s *scope) count() {
	status := s.job.status()
	if !s.started() {
		return
	}
	status.Progress = strconv.Itoa(int(status.ProgressPercent)) + "%"
	status.NodesTotal, status.NodesDone = int32(len(status.Nodes)), 0
	var total v1alpha1.Transfer
	for i := range status.Nodes {
		n := &status.Nodes[i]
		if s.verdict == cluster.Succeeded || s.doneWithStep(n) {
			status.NodesDone++
		}
		if t := n.Transfer; t != nil {
			total.BytesTotal += t.BytesTotal
			total.BytesDone += t.BytesDone
			total.BytesReused += t.BytesReused
			total.FilesTotal += t.FilesTotal
			total.FilesDone += t.FilesDone
			total.FilesReused += t.FilesReused
		}
	}
	status.NodeSummary = fmt.Sprintf("%d/%d", status.NodesDone, status.NodesTotal)
	if total != (v1alpha1.Transfer{}) {
		status.Transfer, status.Size = &total, sizeOf(total.BytesTotal)
	}
}

// doneWithStep reports whether a node has nothing left to do in the present step.
// In a step of one node the others have nothing to do at all.
func (s *scope) doneWithStep(n *v1alpha1.NodeStatus) bool {
	step := step(s.job.status())
	if n.Phase == step {
		return n.State == v1alpha1.NodeCompleted && n.Error == ""
	}
	alone := step == cluster.PhaseTopology || step == string(rest.PhaseTruncate)
	return alone && n.HostID != s.job.status().Nodes[0].HostID
}

// sizeOf is a size for people.
func sizeOf(bytes int64) string {
	const unit = 1024
	if bytes < unit {
		return strconv.FormatInt(bytes, 10) + " B"
	}
	size := float64(bytes)
	for _, name := range []string{"KiB", "MiB", "GiB", "TiB", "PiB"} {
		if size /= unit; size < unit {
			return fmt.Sprintf("%.1f %s", size, name)
		}
	}
	return fmt.Sprintf("%.1f EiB", size/unit)
}
