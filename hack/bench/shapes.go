package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/icarus-sidecar/icarus/hack/bench/mover"
)

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

// shape is a set of files. Scaled down it has fewer of them, or smaller ones
// where they are few.
type shape struct {
	name  string
	files func(scale float64) map[string]int64
}

var shapes = []shape{
	{"a", func(scale float64) map[string]int64 { return equal(4, int64(scale*gib)) }},
	{"b", func(scale float64) map[string]int64 { return equal(part(200, scale), 5*mib) }},
	{"c", func(scale float64) map[string]int64 { return equal(part(20_000, scale), 50*kib) }},
	{"d", func(scale float64) map[string]int64 { return sstables(part(250, scale)) }},
}

func shapeNames() []string {
	names := make([]string, len(shapes))
	for i, s := range shapes {
		names[i] = s.name
	}
	return names
}

func part(n int, scale float64) int { return max(int(float64(n)*scale), 1) }

// equal are files of one size, a hundred in a directory.
func equal(n int, size int64) map[string]int64 {
	files := make(map[string]int64, n)
	for i := range n {
		files[fmt.Sprintf("%03d/%05d.db", i/100, i)] = size
	}
	return files
}

// sstables are those of tables that compact by size: many small ones, few large
// ones. The components are in the proportions of a table of small rows,
// compressed in chunks of 16 KiB, as Cassandra 4.1 writes them.
func sstables(n int) map[string]int64 {
	tiers := []struct {
		every int
		data  int64
	}{{50, 64 * mib}, {10, 8 * mib}, {3, mib}, {1, 64 * kib}}
	files := make(map[string]int64, 8*n)
	for i := range n {
		var data int64
		for _, t := range tiers {
			if (i+1)%t.every == 0 {
				data = t.data + int64(i) // no two alike
				break
			}
		}
		base := fmt.Sprintf("shop/orders-%02d/nb-%d-big-", i%8, i+1)
		for component, size := range map[string]int64{
			"Data.db": data, "Index.db": data / 50, "Filter.db": data/300 + 16, "Summary.db": data/5000 + 100,
			"Statistics.db": 5000, "CompressionInfo.db": data/(16*kib)*8 + 47, "Digest.crc32": 10, "TOC.txt": 92,
		} {
			files[base+component] = size
		}
	}
	return files
}

// write makes the files, and that of their digests. What they hold is random, as
// what is compressed looks.
func write(dir string, files map[string]int64) error {
	random := rand.NewChaCha8([32]byte{})
	buffer := make([]byte, 256*kib)
	sums := make(map[string]string, len(files))
	for name, size := range files {
		sum, err := writeFile(filepath.Join(dir, name), io.LimitReader(random, size), buffer)
		if err != nil {
			return fmt.Errorf("making the files: %w", err)
		}
		sums[name] = sum
	}
	text, err := json.Marshal(sums)
	if err != nil {
		return fmt.Errorf("encoding the digests: %w", err)
	}
	return os.WriteFile(mover.SumsOf(dir), text, 0o644)
}

func writeFile(path string, content io.Reader, buffer []byte) (sum string, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.CopyBuffer(io.MultiWriter(f, h), content, buffer)
	return hex.EncodeToString(h.Sum(nil)), errors.Join(err, f.Close())
}

func total(files map[string]int64) int64 {
	var n int64
	for _, size := range files {
		n += size
	}
	return n
}
