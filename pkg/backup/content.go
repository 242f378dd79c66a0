package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
)

// content is what an object is by.
type content struct {
	sha256 [sha256.Size]byte
	size   int64
}

func (c content) hash() string { return hex.EncodeToString(c.sha256[:]) }

// setHash takes a SHA-256 in hexadecimal, and says whether it is one.
func (c *content) setHash(s string) bool {
	if len(s) != hex.EncodedLen(sha256.Size) {
		return false
	}
	_, err := hex.Decode(c.sha256[:], []byte(s))
	return err == nil
}

// directory is where SSTables lie: of a table or of an index of it.
type directory struct {
	path string
	// key is what the keys of its files have in common.
	key manifest.DataKey
}

// file is one component of an SSTable in the snapshot. There may be a hundred
// thousand of them, so that it is kept small: what they share is in the directory.
type file struct {
	in   *directory
	name string
	// base is the SSTable's name in the manifest.
	base string
	// dir is of its first choice of a key; place of the one that it has.
	dir, place string
	// content has the hash only if hashed.
	content content
	hashed  bool
	// fresh says that it was read in this run, and compared that its object was.
	fresh, compared bool
	state           state
	// claims are what committed manifests say of objects of this name, and seen
	// what the bucket shows.
	claims []claim
	seen   []seen
}

// claim is what a committed manifest says of an object.
type claim struct {
	dir     string
	content content
	// by is the manifest, among those of the job.
	by int
}

// seen is an object in the bucket's list.
type seen struct {
	dir  string
	size int64
}

func (f *file) path() string { return filepath.Join(f.in.path, f.name) }

func (f *file) key(dir string) manifest.DataKey {
	key := f.in.key
	key.Dir, key.File = dir, f.name
	return key
}

// object is the key that it has.
func (f *file) object() string { return f.key(f.place).String() }

// distinct is the directory of its second choice.
func (f *file) distinct() string { return f.key(f.dir).Distinct(f.content.hash()).Dir }

// same makes one string of two that are equal: a part of a key would keep the
// whole key in memory.
func (f *file) same(dir string) string {
	if dir == f.dir {
		return f.dir
	}
	return strings.Clone(dir)
}

// look is what the bucket shows of an object.
func (f *file) look(dir string) (size int64, there bool) {
	for _, s := range f.seen {
		if s.dir == dir {
			return s.size, true
		}
	}
	return 0, false
}

// vouched is what the manifests say of an object. One of which two say different
// things has a content that no file has.
func (f *file) vouched(dir string) (c content, known bool) {
	for _, claim := range f.claims {
		switch {
		case claim.dir != dir:
		case known && claim.content != c:
			return content{size: -1}, true
		default:
			c, known = claim.content, true
		}
	}
	return c, known
}

// catalogue finds the files by what their objects are called.
type catalogue map[string]map[string]*file // by table id, then by local path

func newCatalogue(files []*file) catalogue {
	c := catalogue{}
	for _, f := range files {
		table := c[f.in.key.TableID]
		if table == nil {
			table = map[string]*file{}
			c[f.in.key.TableID] = table
		}
		table[f.key("").LocalPath()] = f
	}
	return c
}

// find is the file that an object may be of, or nil.
func (c catalogue) find(key manifest.DataKey) *file {
	f := c[key.TableID][key.LocalPath()]
	if f == nil || f.in.key.Keyspace != key.Keyspace || f.in.key.Table != key.Table {
		return nil
	}
	return f
}
