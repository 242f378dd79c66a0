package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// board shows how each node of a global operation is doing: on a terminal as
// bars that are drawn over, elsewhere as a line for each change of phase or state.
type board struct {
	out      io.Writer
	terminal bool
	// names are what nodes are called, by host id.
	names map[string]string
	// drawn is how many lines of the terminal are to be drawn over.
	drawn int
	// last is what was said of a node, by host id.
	last map[string]string
}

func newBoard(out io.Writer, terminal bool, names map[string]string) *board {
	return &board{out: out, terminal: terminal, names: names, last: map[string]string{}}
}

// isTerminal is whether lines of out can be drawn over.
func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// see shows an answer of the coordinator.
func (b *board) see(op rest.Operation) {
	if b.terminal {
		b.draw(op.Nodes)
		return
	}
	for _, n := range op.Nodes {
		if said := n.Phase + string(n.State); said != b.last[n.HostID] {
			b.last[n.HostID] = said
			fmt.Fprintln(b.out, nodeLine(b.name(n), n))
		}
	}
}

// draw puts the lines of all nodes over those drawn before.
func (b *board) draw(nodes []rest.NodeProgress) {
	if len(nodes) == 0 {
		return
	}
	var text strings.Builder
	if b.drawn > 0 {
		fmt.Fprintf(&text, "\x1b[%dA", b.drawn)
	}
	for _, n := range nodes {
		text.WriteString("\r\x1b[2K" + nodeLine(b.name(n), n) + "\n")
	}
	b.drawn = len(nodes)
	_, _ = io.WriteString(b.out, text.String()) // a terminal that is gone needs no bars
}

func (b *board) name(n rest.NodeProgress) string {
	if name, ok := b.names[n.HostID]; ok {
		return name
	}
	return n.Hostname
}

// nodeLine is at most 80 columns of what a node is at.
func nodeLine(name string, n rest.NodeProgress) string {
	line := fmt.Sprintf("  %-7s %-9s %s %3d%%  %-9s", name, n.Phase, bar(n.Progress, barWidth), percent(n.Progress), n.State)
	if t := n.Transfer; t != nil && t.FilesTotal > 0 {
		line += fmt.Sprintf(" %d/%d files", t.FilesDone, t.FilesTotal)
	}
	return strings.TrimRight(line, " ")
}

const barWidth = 24

// bar is a share from 0 to 1 as a picture. It is full only when all is done.
func bar(share float64, width int) string {
	full := int(clamp(share) * float64(width))
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "]"
}

func percent(share float64) int { return int(clamp(share) * 100) }

func clamp(share float64) float64 {
	if !(share > 0) { // what is not a number, too
		return 0
	}
	return min(share, 1)
}

// clockWriter begins each write, a line or more, with the time since it began.
type clockWriter struct {
	out   io.Writer
	began time.Time
}

// Write writes p as a line.
func (w *clockWriter) Write(p []byte) (int, error) {
	if _, err := fmt.Fprintf(w.out, "[%6.1f s] %s", time.Since(w.began).Seconds(), p); err != nil {
		return 0, err
	}
	return len(p), nil
}
