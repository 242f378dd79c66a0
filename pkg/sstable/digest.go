package sstable

import (
	"errors"
	"fmt"
	"hash/adler32"
	"io"
	"io/fs"
	"regexp"
	"strconv"
)

const (
	dataFile = "Data.db"
	tocFile  = "TOC.txt"
	// tail is how much of a Data.db without a digest Esop sums up.
	tail = 10 << 20
)

// digestFiles are the components that hold a digest of Data.db, by age.
var digestFiles = []string{"Digest.crc32", "Digest.adler32", "Digest.sha1"}

// digestForm is what a digest begins with; after it .sha1 has the file's name. The
// longest is SHA-1's, of 40 digits.
var digestForm = regexp.MustCompile(`^[A-Za-z0-9]{1,64}`)

// digest is the digest that Cassandra has written beside the data or, where it
// has not, the Adler-32 of the end of the data.
func digest(fsys fs.FS, files map[string]Component) (string, error) {
	for _, name := range digestFiles {
		c, there := files[name]
		if !there {
			continue
		}
		body, err := read(fsys, c.Path, 256)
		if err != nil {
			return "", err
		}
		if found := digestForm.Find(body); found != nil {
			return string(found), nil
		}
	}
	return sum(fsys, files[dataFile])
}

// sum is the Adler-32 of the last 10 MiB of a file, in decimal.
func sum(fsys fs.FS, c Component) (_ string, err error) {
	f, err := fsys.Open(c.Path)
	if err != nil {
		return "", fmt.Errorf("opening the data: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := skip(f, c.Size-tail); err != nil {
		return "", fmt.Errorf("reading %s: %w", c.Path, err)
	}
	h := adler32.New()
	if _, err := io.Copy(h, io.LimitReader(f, tail)); err != nil {
		return "", fmt.Errorf("reading %s: %w", c.Path, err)
	}
	return strconv.FormatUint(uint64(h.Sum32()), 10), nil
}

// skip passes over the first n bytes; a file system need not be able to seek.
func skip(f fs.File, n int64) error {
	if n <= 0 {
		return nil
	}
	if s, ok := f.(io.Seeker); ok {
		_, err := s.Seek(n, io.SeekStart)
		return err
	}
	_, err := io.CopyN(io.Discard, f, n)
	return err
}

// read reads the first bytes of a file.
func read(fsys fs.FS, path string, limit int64) (body []byte, err error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening a component: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if body, err = io.ReadAll(io.LimitReader(f, limit)); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return body, nil
}
