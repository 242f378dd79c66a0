// Package e2e proves the main job where it counts: real sidecar processes beside
// the nodes of a real ring, a real bucket, and the rows compared afterwards.
package e2e
