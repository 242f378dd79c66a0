package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// usage is what a process has used, as Linux tells it.
type usage struct {
	cpu  time.Duration // user and system, since it started
	rss  int64         // bytes
	peak int64         // the most bytes since it started, or since forgetPeak
}

// tick is the unit of /proc/<pid>/stat: 1/100 s on every Linux.
const tick = 10 * time.Millisecond

var errProc = errors.New("/proc tells nothing of it")

// usageOf reads what a process has used. Only Linux has it in files.
func usageOf(pid int) (usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}, fmt.Errorf("%w: %w", errProc, err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return usage{}, fmt.Errorf("%w: %w", errProc, err)
	}
	return parseUsage(string(stat), string(status))
}

// forgetPeak makes the present memory the peak (see proc(5), clear_refs).
func forgetPeak(pid int) {
	// Where it cannot be done the peak is that of the whole life: more, not less.
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0o200)
}

func parseUsage(stat, status string) (usage, error) {
	// The name of the program may hold blanks and brackets; what follows does not.
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	const user, system = 11, 12 // utime and stime, from the state on
	if len(fields) <= system {
		return usage{}, fmt.Errorf("%w: stat has %d fields", errProc, len(fields))
	}
	var u usage
	for _, i := range []int{user, system} {
		ticks, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return usage{}, fmt.Errorf("%w: stat: %w", errProc, err)
		}
		u.cpu += time.Duration(ticks) * tick
	}
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		var into *int64
		switch name {
		case "VmRSS":
			into = &u.rss
		case "VmHWM":
			into = &u.peak
		default:
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return usage{}, fmt.Errorf("%w: status: %w", errProc, err)
		}
		*into = kib << 10
	}
	return u, nil
}

// usages are those of all sidecars, or nil where the system does not tell.
func (s *stage) usages() []usage {
	list := make([]usage, len(s.sidecars))
	for i, one := range s.sidecars {
		var err error
		if list[i], err = usageOf(one.PID); err != nil {
			return nil
		}
	}
	return list
}

// since is what was used between two looks, and the peak at the second.
func since(start, end []usage) []usage {
	if len(start) != len(end) {
		return nil
	}
	for i := range end {
		end[i].cpu -= start[i].cpu
	}
	return end
}
