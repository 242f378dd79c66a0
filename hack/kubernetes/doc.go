// Package kubernetes makes a cluster of a real API server and no kubelet, for tests
// and the demo: pods are objects whose status tells the addresses at which sidecars
// listen on this machine, and the controller is a process that has the rights of
// config/rbac and no more.
package kubernetes
