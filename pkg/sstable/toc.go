package sstable

import (
	"fmt"
	"strings"
)

// maxTOC is far above what even hundreds of indexes need: a line is some 60 bytes.
const maxTOC = 1 << 20

// ParseTOC reads a TOC.txt, which names the components of an SSTable, one a line.
func ParseTOC(body []byte) ([]string, error) {
	if len(body) > maxTOC {
		return nil, fmt.Errorf("%w: the table of contents is longer than %d bytes", ErrIncomplete, maxTOC)
	}
	var components []string
	for line := range strings.Lines(string(body)) {
		name := strings.TrimSpace(line)
		if name == "" {
			continue
		}
		if len(name) > maxName || !componentForm.MatchString(name) {
			return nil, fmt.Errorf("%w: the table of contents names %.100q, which is no component", ErrIncomplete, name)
		}
		components = append(components, name)
	}
	return components, nil
}

// canBeMade tells of a component that Cassandra makes anew from the others when
// it opens an SSTable without. It deletes a Summary.db that it could not write
// to its end, and leaves the table of contents as it was.
func canBeMade(component string) bool { return component == "Summary.db" || component == "Filter.db" }
