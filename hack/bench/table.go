package main

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// markdown are the results as tables, one for each shape and store.
func (s settings) markdown(results []*result) string {
	var t strings.Builder
	fmt.Fprintf(&t, "Made on %s by\n\n    make bench-compare SHAPE=%s SCALE=%g ROUNDS=%d PARALLEL=%d\n\n", time.Now().Format(time.DateOnly),
		strings.Join(s.shapes, ","), s.scale, s.rounds, s.parallel)
	fmt.Fprintf(&t, "on %d cores (%s), %d GiB of memory, %s. The load average at its end was %s: "+
		"what is above the cores was not only ours.\n", runtime.NumCPU(), processor(), memory()>>30, runtime.Version(), load())
	for len(results) > 0 {
		first := results[0]
		n := slices.IndexFunc(results, func(r *result) bool { return r.shape != first.shape || r.store != first.store })
		if n < 0 {
			n = len(results)
		}
		s.table(&t, results[:n])
		results = results[n:]
	}
	return t.String()
}

func (s settings) table(t *strings.Builder, results []*result) {
	r := results[0]
	where := r.store
	if where == onLatency {
		where = fmt.Sprintf("s3, %s more for each request", s.latency)
	}
	fmt.Fprintf(t, "\n### %s: %d files, %.0f MB, %s\n\n", r.shape, r.files, float64(r.bytes)/1e6, where)
	t.WriteString("| | mover | wall best (median) s | MB/s | CPU-s/GB | peak MiB | requests/object | best of the others / this |\n")
	t.WriteString("|---|---|---|---|---|---|---|---|\n")
	for _, up := range []bool{true, false} {
		for _, r := range results {
			if r.up == up {
				r.row(t, results)
			}
		}
	}
}

func (r *result) row(t *strings.Builder, all []*result) {
	direction := "down"
	if r.up {
		direction = "up"
	}
	best := r.best()
	ratio := "-"
	if other, ok := bestOther(r, all); ok {
		ratio = fmt.Sprintf("%.2f", other.Seconds()/best.Seconds())
	}
	fmt.Fprintf(t, "| %s | %s | %.2f (%.2f) | %.0f | %.2f | %d | %.2f | %s |\n", direction, r.mover, best.Seconds(),
		median(r.samples, func(s sample) time.Duration { return s.wall }).Seconds(), float64(r.bytes)/1e6/best.Seconds(),
		median(r.samples, func(s sample) time.Duration { return s.cpu }).Seconds()/(float64(r.bytes)/1e9),
		slices.MaxFunc(r.samples, func(a, b sample) int { return cmp.Compare(a.rss, b.rss) }).rss>>20,
		float64(median(r.samples, func(s sample) int64 { return s.requests }))/float64(r.files), ratio)
}

func (r *result) best() time.Duration {
	return slices.MinFunc(r.samples, func(a, b sample) int { return cmp.Compare(a.wall, b.wall) }).wall
}

// bestOther is the best wall time of another mover in the same direction. The
// floor that syncs is the same mover as the floor.
func bestOther(r *result, all []*result) (best time.Duration, ok bool) {
	for _, o := range all {
		if o.up != r.up || strings.TrimSuffix(o.mover, "-sync") == strings.TrimSuffix(r.mover, "-sync") {
			continue
		}
		if !ok || o.best() < best {
			best, ok = o.best(), true
		}
	}
	return best, ok
}

func median[T cmp.Ordered](samples []sample, of func(sample) T) T {
	values := make([]T, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// load is the average of the last minutes: 1, 5 and 15.
func load() string {
	words := strings.Fields(field("/proc/loadavg", ""))
	return strings.Join(words[:min(len(words), 3)], " ")
}

func processor() string {
	return strings.TrimPrefix(field("/proc/cpuinfo", "model name"), ": ")
}

func memory() int64 {
	var kilobytes int64
	if _, err := fmt.Sscan(field("/proc/meminfo", "MemTotal:"), &kilobytes); err != nil {
		return 0
	}
	return kilobytes << 10
}

// field is the rest of the first line of a file that begins with a name.
func field(file, name string) string {
	f, err := os.Open(file)
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), name); ok {
			return strings.TrimSpace(rest)
		}
	}
	return "unknown"
}
