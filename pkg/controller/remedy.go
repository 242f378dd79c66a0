package controller

import "github.com/icarus-sidecar/icarus/api/v1alpha1"

// remedies are what to do about each reason that ends an operation. They are the last
// words of its message, which says what has happened.
var remedies = map[string]string{
	v1alpha1.ReasonInvalidSpec:        "correct that in another object",
	v1alpha1.ReasonDatacenterNotFound: "name one of those in another object",
	v1alpha1.ReasonNodesMissing:       "bring them back, remove them from the ring, or choose their pods, and create another object",
	v1alpha1.ReasonTooManyNodes:       "name some of its datacenters in another object",
	v1alpha1.ReasonTooManyTables:      "restore it in parts, with entities in other objects",
	v1alpha1.ReasonBackupFailed:       "restore another backup, by another object",
	v1alpha1.ReasonBackupIncomplete:   "restore one that has all nodes, by another object",
	v1alpha1.ReasonSnapshotNotFound:   "see that tag and location are those of a backup of this cluster, and create another object",
	v1alpha1.ReasonEntitiesNotFound:   "name what is there in another object",
	v1alpha1.ReasonSchemaChanged:      "create another object when nobody changes the schema",
	v1alpha1.ReasonRingChanged:        "create another object when no node joins or leaves",
	v1alpha1.ReasonSidecarRefused:     "correct in another object, or allow at the sidecar, what it refuses",
	v1alpha1.ReasonNodeFailed:         "put that right, see the log of that sidecar, and create another object",
	v1alpha1.ReasonNodeLost:           "see the events of that pod, and create another object when its sidecar answers",
	v1alpha1.ReasonTimedOut:           "create another object with more time or bandwidth",
	v1alpha1.ReasonCancelled:          "create another object to begin anew",
}

// ending is why an operation ends. However much has happened, its remedy is not cut off.
func ending(reason, message string) obstacle {
	remedy := "; " + remedies[reason]
	return obstacle{reason, cut(message, enoughCondition-len(remedy)) + remedy}
}
