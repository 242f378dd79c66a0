package commitlog

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// property is a line of a file of Java properties.
type property struct{ key, value string }

// setProperties sets keys in a text of Java properties, each in the place of its
// first line or at the end, and keeps everything else, comments too.
func setProperties(text string, set []property) string {
	var out strings.Builder
	done := map[string]bool{}
	for _, line := range logicalLines(text) {
		key, isProperty := keyOfLine(line)
		at := indexOf(set, key)
		switch {
		case !isProperty || at < 0:
			out.WriteString(line)
		case !done[key]:
			done[key] = true
			out.WriteString(set[at].line())
		}
	}
	for _, p := range set {
		if !done[p.key] {
			endLine(&out)
			out.WriteString(p.line())
		}
	}
	return out.String()
}

// endLine ends the last line, so that nothing that follows belongs to it: one that
// would be continued ends with an empty one.
func endLine(out *strings.Builder) {
	s := out.String()
	if s != "" && !strings.HasSuffix(s, "\n") {
		out.WriteString("\n")
	}
	if content := strings.TrimRight(strings.TrimSuffix(s, "\n"), "\r"); strings.HasSuffix(content, `\`) {
		out.WriteString("\n")
	}
}

func indexOf(set []property, key string) int {
	for i, p := range set {
		if p.key == key {
			return i
		}
	}
	return -1
}

// logicalLines are lines with those that continue them. A comment is continued by
// none.
func logicalLines(text string) []string {
	var lines []string
	continued := false
	for line := range strings.Lines(text) {
		if continued {
			lines[len(lines)-1] += line
		} else {
			lines = append(lines, line)
		}
		content := strings.TrimRight(line, "\r\n")
		backslashes := len(content) - len(strings.TrimRight(content, `\`))
		continued = backslashes%2 == 1 && (continued || !isComment(line))
	}
	return lines
}

const blanks = " \t\f"

func isComment(line string) bool {
	trimmed := strings.TrimLeft(line, blanks)
	return strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, "!")
}

// keyOfLine is the key of a logical line. Escapes in it are left as they are: no
// key of Cassandra's needs one.
func keyOfLine(line string) (key string, isProperty bool) {
	trimmed := strings.TrimLeft(line, blanks)
	if isComment(line) || strings.TrimSpace(trimmed) == "" {
		return "", false
	}
	if end := strings.IndexAny(trimmed, "=: \t\f\r\n"); end >= 0 {
		trimmed = trimmed[:end]
	}
	return trimmed, true
}

func (p property) line() string { return p.key + "=" + escape(p.value) + "\n" }

// escape writes a value as java.util.Properties does, which reads Latin-1.
func escape(value string) string {
	const firstPrintable, lastPrintable = 0x20, 0x7e
	var out strings.Builder
	for i, r := range value {
		switch {
		case strings.ContainsRune(`\:=#!`, r), r == ' ' && i == 0:
			out.WriteByte('\\')
			out.WriteRune(r)
		case r < firstPrintable || r > lastPrintable:
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&out, `\u%04X`, unit)
			}
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}
