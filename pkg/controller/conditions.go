package controller

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/icarus-sidecar/icarus/api/v1alpha1"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

// The messages of what has no obstacle.
const (
	messageNotReached = "what comes before it is not done yet"
	messageDone       = "it is done on every node"
	messageSkipped    = "no node had anything to do"
)

// describe puts all conditions, and the phase for people, into the status.
func (s *scope) describe() {
	status := s.job.status()
	status.ObservedGeneration = s.job.object().GetGeneration()
	why := s.why()
	set := func(c metav1.Condition) {
		c.ObservedGeneration = status.ObservedGeneration
		c.Message = cut(c.Message, enoughCondition)
		c.LastTransitionTime = metav1.NewTime(s.now).Rfc3339Copy()
		meta.SetStatusCondition(&status.Conditions, c)
	}
	first := s.peersCondition(why)
	set(first)
	for i, m := range s.job.milestones() {
		c := s.milestoneCondition(i, m, why)
		set(c)
		if first.Status == metav1.ConditionTrue {
			first = c
		}
	}
	complete := metav1.Condition{
		Type: v1alpha1.ConditionComplete, Status: metav1.ConditionFalse, Reason: first.Reason, Message: first.Message,
	}
	failed := metav1.Condition{
		Type: v1alpha1.ConditionFailed, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNotFailed, Message: "nothing has failed",
	}
	switch {
	case s.verdict == cluster.Succeeded:
		complete.Status, complete.Reason, complete.Message = metav1.ConditionTrue, v1alpha1.ReasonSucceeded, messageDone
	case s.ended():
		failed.Status, failed.Reason, failed.Message = metav1.ConditionTrue, why.reason, why.message
		complete.Reason, complete.Message = why.reason, why.message
	case s.stopping != nil:
		failed.Reason, failed.Message = v1alpha1.ReasonStopping, "it will not succeed; what is at work on the nodes is waited for: "+s.stopping.message
	}
	set(complete)
	set(failed)
	s.job.setSummary(s.summarize())
}

// why is what keeps the present step from being done.
func (s *scope) why() obstacle {
	switch {
	case s.outcome != nil:
		return *s.outcome
	case s.stopping != nil:
		return *s.stopping
	case s.waiting != nil:
		return *s.waiting
	}
	return obstacle{}
}

func (s *scope) peersCondition(why obstacle) metav1.Condition {
	c := metav1.Condition{
		Type: v1alpha1.ConditionPeersDiscovered, Status: metav1.ConditionTrue,
		Reason: v1alpha1.ReasonSucceeded, Message: "every node is known, and its sidecar answered",
	}
	if !s.started() {
		c.Status, c.Reason = metav1.ConditionFalse, cmp.Or(why.reason, v1alpha1.ReasonInProgress)
		c.Message = cmp.Or(why.message, "the nodes of the cluster are looked for")
	}
	return c
}

func (s *scope) milestoneCondition(i int, m milestone, why obstacle) metav1.Condition {
	c := metav1.Condition{Type: m.condition, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNotStarted, Message: messageNotReached}
	if !s.started() {
		return c
	}
	facts := factsOf(s.job.status())
	at := slices.IndexFunc(s.job.milestones(), func(m milestone) bool { return m.step == facts.Phase })
	done := i < at || s.verdict == cluster.Succeeded
	switch {
	case done && slices.Contains(facts.Skipped, m.step):
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, v1alpha1.ReasonSkipped, messageSkipped
	case done:
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, v1alpha1.ReasonSucceeded, messageDone
	case i == at:
		c.Reason, c.Message = cmp.Or(why.reason, v1alpha1.ReasonInProgress), cmp.Or(why.message, s.troubled(), m.doing)
		// What was sent may have been done, whatever became of it since.
		if m.condition == v1alpha1.ConditionTruncated && (s.ended() || s.stopping != nil) && s.sent(m.step) {
			c.Status = metav1.ConditionUnknown
		}
	}
	return c
}

// sent reports whether the operation of any node in a step may have begun.
func (s *scope) sent(step string) bool {
	return slices.ContainsFunc(s.job.status().Nodes, func(n v1alpha1.NodeStatus) bool {
		return n.Phase == step && (n.Submission == v1alpha1.SubmissionAccepted || n.Submission == v1alpha1.SubmissionUnsure || n.Losses > 0)
	})
}

// troubled tells of the first node whose sidecar does not answer as it should.
func (s *scope) troubled() string {
	nodes := s.job.status().Nodes
	at := slices.IndexFunc(nodes, func(n v1alpha1.NodeStatus) bool { return n.Trouble != nil })
	if at < 0 {
		return ""
	}
	n := nodes[at]
	return "the sidecar of node " + cmp.Or(n.Pod, n.HostID) + " does not answer as it should, and is tried again: " + n.Error
}

// summarize is the phase for people.
func (s *scope) summarize() string {
	switch {
	case s.verdict == cluster.Succeeded:
		return summaryCompleted
	case s.verdict == cluster.Cancelled:
		return summaryCancelled
	case s.ended():
		return summaryFailed
	case s.stopping != nil:
		return summaryStopping
	case !s.started():
		return s.summarizeWait()
	}
	for _, m := range s.job.milestones() {
		if m.step == step(s.job.status()) {
			return m.summary
		}
	}
	return s.job.summary()
}

// summarizeWait tells those that wait for others from those that look for their nodes.
func (s *scope) summarizeWait() string {
	if s.waiting == nil {
		return summaryDiscovering
	}
	switch s.waiting.reason {
	case v1alpha1.ReasonQueued, v1alpha1.ReasonRestoreInProgress, v1alpha1.ReasonBackupInProgress, v1alpha1.ReasonBackupNotFound,
		v1alpha1.ReasonSecretNotFound, v1alpha1.ReasonSecretKeyMissing, v1alpha1.ReasonInsecureTransport:
		return summaryPending
	default:
		return summaryDiscovering
	}
}
