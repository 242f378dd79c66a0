package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// settings are what a run is asked for.
type settings struct {
	shapes, movers, stores []string

	scale    float64
	rounds   int
	parallel int
	latency  time.Duration
	dir      string
	bin      string
	out      string
}

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	s, err := parse(args)
	if err != nil {
		return err
	}
	b, err := newBench(ctx, s)
	if err != nil {
		return err
	}
	results, err := b.compare(ctx)
	if closeErr := b.close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	table := s.markdown(results)
	fmt.Fprint(os.Stdout, table)
	if s.out != "" {
		return os.WriteFile(s.out, []byte(table), 0o644)
	}
	return nil
}

func parse(args []string) (settings, error) {
	var s settings
	var shapes, movers, stores string
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.StringVar(&shapes, "shape", "a,b,c,d", "shapes of files, see shapes.go")
	set.StringVar(&movers, "mover", strings.Join(moverNames, ","), "what moves them")
	set.StringVar(&stores, "store", strings.Join(storeNames, ","), "where to and from")
	set.Float64Var(&s.scale, "scale", 0.1, "part of a shape's files, or of their size where they are few; 1 is all")
	set.IntVar(&s.rounds, "rounds", 3, "how often each moves")
	set.IntVar(&s.parallel, "parallel", 10, "files at once")
	set.DurationVar(&s.latency, "latency", 10*time.Millisecond, "what each request waits at the store s3+latency")
	set.StringVar(&s.dir, "dir", "", "an existing directory for the files, on the disk to measure (that of temporary files)")
	set.StringVar(&s.bin, "bin", filepath.Dir(os.Args[0]), "directory of the movers")
	set.StringVar(&s.out, "out", "", "file for the table")
	if err := set.Parse(args); err != nil {
		return s, err
	}
	s.shapes, s.movers, s.stores = strings.Split(shapes, ","), strings.Split(movers, ","), strings.Split(stores, ",")
	if s.scale <= 0 || s.scale > 1 || s.rounds < 1 || s.parallel < 1 {
		return s, fmt.Errorf("a scale is above 0 and at most 1, and there is at least one round and one file at once")
	}
	return s, errors.Join(
		known("mover", s.movers, moverNames), known("store", s.stores, storeNames), known("shape", s.shapes, shapeNames()),
	)
}

func known(what string, asked, names []string) error {
	for _, a := range asked {
		if !slices.Contains(names, a) {
			return fmt.Errorf("there is no %s %q; there are %s", what, a, strings.Join(names, ", "))
		}
	}
	return nil
}
