package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/icarus-sidecar/icarus/pkg/cli"
)

// variable is the environment variable of a flag.
func variable(flag string) string {
	return "ICARUS_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// bindEnvironment sets the flags that the command line leaves out and the
// environment has. Lines of a variable are the values of a flag that may be
// repeated, since anything else can be part of one.
func bindEnvironment(fs *pflag.FlagSet, lookup func(string) (string, bool)) error {
	var wrong error
	fs.VisitAll(func(f *pflag.Flag) {
		text, set := lookup(variable(f.Name))
		if f.Changed || !set || wrong != nil || f.Name == "help" || f.Name == "version" {
			return
		}
		values := []string{text}
		if _, ok := f.Value.(pflag.SliceValue); ok {
			values = strings.Split(strings.Trim(text, "\n"), "\n")
		}
		for _, value := range values {
			if err := fs.Set(f.Name, value); err != nil {
				// pflag's own error repeats the value, which may be a secret.
				wrong = &cli.UsageError{Err: fmt.Errorf("%s has no value that --%s can have, which is a %s", variable(f.Name), f.Name, f.Value.Type())}
				return
			}
		}
	})
	return wrong
}

// registerHash takes a flag of the original that changes nothing: every file has a
// SHA-256 here.
func registerHash(fs *pflag.FlagSet) {
	fs.String("hash-algorithm", "SHA-256", "has no effect: hashes are SHA-256")
	fs.Lookup("hash-algorithm").Hidden = true
}
