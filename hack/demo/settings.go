package main

import (
	"errors"
	"fmt"
	"strconv"
)

// settings are what the environment asks for.
type settings struct {
	cassandra string // a version that package ring knows
	s3        bool   // an S3 server instead of a directory
	keep      bool   // leave everything running
	// kubernetes has objects applied instead of requests sent.
	kubernetes bool
}

func settingsFrom(env func(string) (string, bool), kubernetes bool) (settings, error) {
	value := func(name, otherwise string) string {
		if v, _ := env(name); v != "" {
			return v
		}
		return otherwise
	}
	s := settings{cassandra: value("CASSANDRA", "4.1"), kubernetes: kubernetes}
	var errs []error
	usual := "file"
	if kubernetes {
		usual = "s3" // what config/samples name
	}
	switch store := value("STORE", usual); store {
	case "file":
	case "s3":
		s.s3 = true
	default:
		errs = append(errs, fmt.Errorf("STORE=%s: it is file or s3", store))
	}
	keep, err := strconv.ParseBool(value("KEEP", "0"))
	if err != nil {
		errs = append(errs, fmt.Errorf("KEEP=%s: it is 1 or 0", value("KEEP", "")))
	}
	s.keep = keep
	return s, errors.Join(errs...)
}

// String is the settings as a title.
func (s settings) String() string {
	bucket := "a bucket in a directory"
	if s.s3 {
		bucket = "a bucket in an S3 server"
	}
	coordinator := ""
	if s.kubernetes {
		coordinator = " a kube-apiserver, the controller,"
	}
	return fmt.Sprintf("Cassandra %s, three nodes, three sidecars,%s %s", s.cassandra, coordinator, bucket)
}
