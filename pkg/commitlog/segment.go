package commitlog

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	// ErrInvalid is for a request that no node could fulfil.
	ErrInvalid = errors.New("invalid request about a commit log")
	// ErrNone is for a bucket that has nothing to replay.
	ErrNone = errors.New("no commit log to replay")
	// ErrNotSegment is for a file that does not begin as a segment does.
	ErrNotSegment = errors.New("no segment of a commit log")
	// ErrInUse is for a segment that Cassandra still writes, and for a directory
	// that holds what Cassandra would take for segments.
	ErrInUse = errors.New("in use")
)

// prefix is what the keys of segments begin with.
const prefix = "commitlog/"

// segment is a name that Cassandra gives.
type segment struct {
	name    string
	version int32
	id      int64
}

var segmentForm = regexp.MustCompile(`^CommitLog-([0-9]{1,9})-([0-9]{1,19})\.log$`)

func parseSegment(name string) (segment, bool) {
	m := segmentForm.FindStringSubmatch(name)
	if m == nil {
		return segment{}, false
	}
	version, err1 := strconv.ParseInt(m[1], 10, 32)
	id, err2 := strconv.ParseInt(m[2], 10, 64)
	return segment{name, int32(version), id}, err1 == nil && err2 == nil
}

// archived is a segment as it was at a time.
type archived struct {
	segment
	key      string
	modified time.Time // to the millisecond
	size     int64
}

func keyOf(name string, modified time.Time) string {
	return prefix + name + "." + strconv.FormatInt(modified.UnixMilli(), 10)
}

func parseKey(key string, size int64) (archived, bool) {
	base, ok := strings.CutPrefix(key, prefix)
	dot := strings.LastIndexByte(base, '.')
	if !ok || dot < 0 {
		return archived{}, false
	}
	s, ok := parseSegment(base[:dot])
	ms, err := strconv.ParseInt(base[dot+1:], 10, 64)
	if !ok || err != nil || ms < 0 {
		return archived{}, false
	}
	return archived{s, key, time.UnixMilli(ms), size}, true
}

// byTime orders segments by the time of their last change, then by age.
func byTime(a, b archived) int {
	return cmp.Or(a.modified.Compare(b.modified), cmp.Compare(a.id, b.id))
}

// checkHeader reads the beginning of a segment, which repeats its version and id.
// The rest of it has checksums, which Cassandra checks.
func checkHeader(f fs.File, s segment) error {
	var header [12]byte
	if _, err := io.ReadFull(f, header[:]); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("%w: it ends in its header", ErrNotSegment)
		}
		return err
	}
	version, id := binary.BigEndian.Uint32(header[:4]), binary.BigEndian.Uint64(header[4:])
	if version != uint32(s.version) || id != uint64(s.id) {
		return fmt.Errorf("%w: its header is of version %d and id %d", ErrNotSegment, version, id)
	}
	return nil
}
