package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// Format is how operations are shown.
type Format string

// The formats.
const (
	// FormatText is lines for people.
	FormatText Format = "text"
	// FormatJSON is one operation a line.
	FormatJSON Format = "json"
)

// Progress shows how operations go on.
type Progress struct {
	// Out is for programs, Err for people.
	Out, Err io.Writer
	// Lines has each new view of an operation as a line of JSON on Out.
	Lines bool
	// Bar redraws one line on Err, as on a terminal; without it there is a line
	// for each phase.
	Bar bool

	line   string // what stands on the terminal
	phase  string
	shown  string
	warned int
}

// See shows an operation. An error of writing is of no interest to what is shown.
func (p *Progress) See(op rest.Operation) {
	if p.Lines {
		p.asLine(op)
		return
	}
	for ; p.warned < len(op.Warnings); p.warned++ {
		p.clear()
		fmt.Fprintln(p.Err, "warning:", op.Warnings[p.warned])
	}
	phase := op.Type
	if op.CurrentPhase != "" {
		phase += " " + op.CurrentPhase
	}
	switch {
	case p.Bar && op.State.IsTerminal():
		p.clear()
	case p.Bar:
		p.draw(phase + "  " + bar(op.Progress) + counts(op.Transfer))
	case phase != p.phase:
		fmt.Fprintln(p.Err, phase)
	}
	p.phase = phase
	if op.State == rest.StateCompleted {
		fmt.Fprintln(p.Err, op.Type, "is", string(op.State)+counts(op.Transfer))
	}
}

// asLine writes an operation that has changed.
func (p *Progress) asLine(op rest.Operation) {
	body, err := json.Marshal(op)
	if err != nil || string(body) == p.shown {
		return
	}
	p.shown = string(body)
	fmt.Fprintln(p.Out, p.shown)
}

const barWidth = 24

func bar(progress float64) string {
	progress = min(max(progress, 0), 1)
	full := int(math.Round(progress * barWidth))
	return fmt.Sprintf("[%s%s] %3.0f%%", strings.Repeat("#", full), strings.Repeat("-", barWidth-full), progress*100) //nolint:mnd // percent
}

func counts(t *rest.Transfer) string {
	if t == nil {
		return ""
	}
	pace := ""
	if t.BytesPerSecond > 0 {
		pace = fmt.Sprintf(", %s/s, %s left", Human(t.BytesPerSecond), time.Duration(t.SecondsLeft)*time.Second)
	}
	return fmt.Sprintf("  %d/%d files, %s of %s, %d there already%s",
		t.FilesDone, t.FilesTotal, Human(t.BytesDone), Human(t.BytesTotal), t.FilesReused, pace)
}

func (p *Progress) draw(line string) {
	pad := strings.Repeat(" ", max(len(p.line)-len(line), 0))
	fmt.Fprint(p.Err, "\r"+line+pad)
	p.line = line
}

func (p *Progress) clear() {
	if p.line != "" {
		fmt.Fprint(p.Err, "\r"+strings.Repeat(" ", len(p.line))+"\r")
		p.line = ""
	}
}

// Human writes bytes in the largest unit that leaves a whole number before the
// point.
func Human(bytes int64) string {
	const step = 1024
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	value, unit := float64(bytes), 0
	for value >= step && unit < len(units)-1 {
		value /= step
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", bytes)
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}

// ParseFormat reads the name of a format.
func ParseFormat(s string) (Format, error) {
	formats := []Format{FormatText, FormatJSON}
	if !slices.Contains(formats, Format(s)) {
		return "", &UsageError{fmt.Errorf("--output %q is neither text nor json", s)}
	}
	return Format(s), nil
}
