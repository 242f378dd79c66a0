package manifest

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What keys begin with: those of topologies in the bucket, the others at the node.
const (
	ManifestPrefix = "manifests/"
	IntentPrefix   = "intents/"
	TopologyPrefix = "topology/"
	DataPrefix     = "data/"
)

const suffix = ".json"

// MaxTopologyBytes is more than the ring of ten thousand nodes has.
const MaxTopologyBytes = 16 << 20

// ManifestKey is the key of a manifest, relative to the node.
//
//nolint:revive // beside IntentKey and TopologyKey, Key would not tell of what
func ManifestKey(tag string) string { return ManifestPrefix + tag + suffix }

// IntentKey is the key of what a running backup announces, relative to the node.
func IntentKey(tag string) string { return IntentPrefix + tag + suffix }

// TopologyKey is the key of the ring at the time of a backup, relative to the bucket.
func TopologyKey(tag string) string { return TopologyPrefix + tag + suffix }

// TagOfKey is the tag in the key of a manifest. It is lenient: a tag that other
// tools gave is one, even if ValidateTag would not let us give it.
func TagOfKey(key string) (string, bool) { return tagIn(ManifestPrefix, key) }

// TagOfTopologyKey is the tag in the key of a topology.
func TagOfTopologyKey(key string) (string, bool) { return tagIn(TopologyPrefix, key) }

func tagIn(prefix, key string) (string, bool) {
	name, ok := strings.CutPrefix(key, prefix)
	if !ok {
		return "", false
	}
	tag, ok := strings.CutSuffix(name, suffix)
	return tag, ok && isSegment(tag)
}

// isSegment tells of a text that can be one name in a path.
func isSegment(s string) bool {
	return s != "" && s != "." && s != ".." && len(s) <= maxSegment && utf8.ValidString(s) &&
		!strings.ContainsAny(s, `/\`) && !strings.ContainsFunc(s, unicode.IsControl)
}

// maxSegment is what a file system allows.
const maxSegment = 255

var (
	nameForm  = regexp.MustCompile(`^[A-Za-z0-9_]{1,222}$`)
	idForm    = regexp.MustCompile(`^[0-9a-f]{32}$`)
	indexForm = regexp.MustCompile(`^\.[A-Za-z0-9_]{1,254}$`)
	// fileForm is of directories, too. None begins with a dot, as an index does.
	fileForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,254}$`)
	hashForm = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// DataKey is the key of a file of an SSTable, taken apart.
type DataKey struct {
	Keyspace, Table string
	// TableID is of 32 hexadecimal digits.
	TableID string
	// Index is "", or the ".name" of a secondary index.
	Index string
	// Dir is "<generation>-<digest>", perhaps with "-<16 digits>" of Distinct.
	Dir  string
	File string
}

// String is what ParseDataKey reads, relative to the node.
func (k DataKey) String() string {
	return path.Join(DataPrefix, k.Keyspace, k.Table+"-"+k.TableID, k.Index, k.Dir, k.File)
}

// LocalPath is where the file belongs below a directory of its table: "File", or
// ".index/File". It is a slash path.
func (k DataKey) LocalPath() string { return path.Join(k.Index, k.File) }

// distinctDigits is how much of a SHA-256 tells two contents of one name apart.
const distinctDigits = 16

// Distinct is the key for a file whose own key is taken by other bytes. The
// SHA-256 is in hexadecimal digits, and the file's.
func (k DataKey) Distinct(sha256 string) DataKey {
	k.Dir += "-" + sha256[:min(len(sha256), distinctDigits)]
	return k
}

// ParseDataKey takes a key below data/ apart. What it accepts is safe: every part
// is a plain name, so that nothing leads out of the table's directory.
func ParseDataKey(key string) (DataKey, error) {
	parts := strings.Split(key, "/")
	if len(parts) != 5 && len(parts) != 6 || parts[0]+"/" != DataPrefix {
		return DataKey{}, corrupt("key %.300q is not that of a file of a table", key)
	}
	k := DataKey{Keyspace: parts[1], Dir: parts[len(parts)-2], File: parts[len(parts)-1]}
	if len(parts) == 6 {
		k.Index = parts[3]
		if !indexForm.MatchString(k.Index) {
			return DataKey{}, corrupt("key %.300q has no index in the place of one", key)
		}
	}
	dash := strings.LastIndexByte(parts[2], '-')
	if dash < 0 {
		return DataKey{}, corrupt("key %.300q has no table id", key)
	}
	k.Table, k.TableID = parts[2][:dash], parts[2][dash+1:]
	switch {
	case !nameForm.MatchString(k.Keyspace) || !nameForm.MatchString(k.Table):
		return DataKey{}, corrupt("key %.300q has a keyspace or table that cannot be", key)
	case !idForm.MatchString(k.TableID):
		return DataKey{}, corrupt("key %.300q has no table id", key)
	case !fileForm.MatchString(k.Dir) || !fileForm.MatchString(k.File):
		return DataKey{}, corrupt("key %.300q has a name of a file that cannot be", key)
	}
	return k, nil
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}
