package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrInvalid is for a tag that cannot be one.
var ErrInvalid = errors.New("invalid snapshot tag")

const (
	// maxTag is what remains of a file name of 255 bytes after ".json".
	maxTag = 250
	// maxUserTag leaves room for the schema version and the time.
	maxUserTag = 190
)

var (
	// tagForm is what Cassandra can call a snapshot: it becomes a directory.
	tagForm   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.:+@=-]*$`)
	finalForm = regexp.MustCompile(`^(.+)-([0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})-(0|[1-9][0-9]{0,18})$`)
)

// Tag is the name of a backup, taken apart.
type Tag struct {
	// User is what the user called it.
	User string
	// SchemaVersion and Time are those of the backup, and zero unless Complete.
	SchemaVersion string
	// Time is of whole milliseconds.
	Time time.Time
	// Complete tells that the tag has all its parts. The original took any tag
	// that ends in a number ("daily-20240101") for complete; it has only a User.
	Complete bool
}

// ParseTag takes a tag apart. Every text is one.
func ParseTag(s string) Tag {
	m := finalForm.FindStringSubmatch(s)
	if m == nil {
		return Tag{User: s}
	}
	ms, err := strconv.ParseInt(m[3], 10, 64)
	if err != nil {
		return Tag{User: s} // no time has so many milliseconds
	}
	return Tag{User: m[1], SchemaVersion: m[2], Time: time.UnixMilli(ms).UTC(), Complete: true}
}

// String is what ParseTag reads.
func (t Tag) String() string {
	if !t.Complete {
		return t.User
	}
	return FinalTag(t.User, t.SchemaVersion, t.Time)
}

// FinalTag is the tag of a backup that a user called by a name.
func FinalTag(user, schemaVersion string, at time.Time) string {
	return user + "-" + schemaVersion + "-" + strconv.FormatInt(at.UnixMilli(), 10)
}

// ValidateTag checks a tag, complete or not, before something is called by it: it
// becomes the name of a directory and of an object, and what a user calls a
// backup must leave room for the rest.
func ValidateTag(s string) error {
	t := ParseTag(s)
	switch {
	case len(t.User) > maxUserTag:
		return fmt.Errorf("%w: %.300q is longer than %d bytes", ErrInvalid, t.User, maxUserTag)
	case len(s) > maxTag:
		return fmt.Errorf("%w: %.300q is longer than %d bytes", ErrInvalid, s, maxTag)
	case !tagForm.MatchString(s) || strings.Contains(s, ".."):
		return fmt.Errorf("%w: %.300q has other than letters, digits and ._:+@=-, begins with none of letter, digit and _, or has \"..\"", ErrInvalid, s)
	}
	return nil
}

// Match picks from the tags of a bucket those that a request means: the very
// tag, and the tag followed by schema version and time. "snap1" never means
// "snap10-...". With a schema version, only those of that version are meant.
//
// The very tag is first; the others follow, newest first, then by name.
func Match(tags []string, want, schemaVersion string) []string {
	var meant []string
	for _, s := range tags {
		t := ParseTag(s)
		named := s == want || t.Complete && t.User == want
		if named && (schemaVersion == "" || strings.EqualFold(t.SchemaVersion, schemaVersion)) {
			meant = append(meant, s)
		}
	}
	slices.SortFunc(meant, func(a, b string) int {
		if (a == want) != (b == want) {
			if a == want {
				return -1
			}
			return 1
		}
		return cmp.Or(ParseTag(b).Time.Compare(ParseTag(a).Time), cmp.Compare(a, b))
	})
	return slices.Compact(meant)
}
