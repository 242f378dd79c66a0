package controller

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/icarus-sidecar/icarus/api/v1alpha1"
)

const schemeFile = "file"

var errLocation = errors.New("storageLocation is not of the form provider://bucket or file:///directory/bucket/cluster/dc/node")

// nodeLocation is where one node's part lies: what follows the bucket in the
// location is the node's own cluster, datacenter and host id. The last three
// segments of a file's location are those.
func nodeLocation(l v1alpha1.StorageLocation, cluster, dc, hostID string) (string, error) {
	for _, part := range []string{cluster, dc, hostID} {
		if part == "" || part == "." || part == ".." || strings.ContainsAny(part, `/\?#`) {
			return "", fmt.Errorf("%q cannot be part of a location", part)
		}
	}
	bucket, err := bucketOf(l)
	if err != nil {
		return "", err
	}
	return bucket + "/" + strings.Join([]string{cluster, dc, hostID}, "/"), nil
}

// bucketOf is the location without what names a node.
func bucketOf(l v1alpha1.StorageLocation) (string, error) {
	const ofNode = 3
	scheme, rest, ok := strings.Cut(string(l), "://")
	if !ok {
		return "", errLocation
	}
	segments := strings.Split(strings.TrimSuffix(rest, "/"), "/")
	if scheme == schemeFile { // begins with the empty segment before the first slash
		if len(segments) < 1+1+ofNode || segments[0] != "" || slices.Contains(segments[1:], "") {
			return "", errLocation
		}
		return scheme + "://" + strings.Join(segments[:len(segments)-ofNode], "/"), nil
	}
	if (len(segments) != 1 && len(segments) != 1+ofNode) || slices.Contains(segments, "") {
		return "", errLocation
	}
	return scheme + "://" + segments[0], nil
}
