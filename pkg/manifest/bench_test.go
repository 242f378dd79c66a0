package manifest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
)

// many is a manifest of so many files in four tables.
func many(files int) *manifest.Manifest {
	m := &manifest.Manifest{Snapshot: manifest.Snapshot{Name: "many"}, Tokens: []string{"1"}}
	components := []string{"Data.db", "Digest.crc32", "Filter.db", "Index.db", "Statistics.db", "Summary.db", "CompressionInfo.db", "TOC.txt"}
	for i := range 4 {
		name := fmt.Sprintf("t%d", i)
		key := manifest.DataKey{Keyspace: "ks", Table: name, TableID: strings.Repeat(fmt.Sprint(i), 32)}
		sstables := map[string][]manifest.Entry{}
		for n := i; n < files; n += 4 {
			g := n / len(components)
			base := fmt.Sprintf("nb-%d-big", g)
			key.Dir, key.File = fmt.Sprintf("%d-%d", g, 1_000_000+g), base+"-"+components[n%len(components)]
			sum := sha256.Sum256([]byte(key.String()))
			sstables[base] = append(sstables[base], manifest.Entry{
				ObjectKey: key.String(), Type: manifest.File, Size: int64(n), Hash: hex.EncodeToString(sum[:]),
			})
		}
		m.Add(manifest.TableName{Keyspace: "ks", Table: name}, manifest.Table{ID: key.TableID, SSTables: sstables})
	}
	return m
}

const benchFiles = 100_000

func BenchmarkEncode(b *testing.B) {
	m := many(benchFiles)
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Write(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*benchFiles/b.Elapsed().Seconds(), "files/s")
}

func BenchmarkDecode(b *testing.B) {
	benchmarkReading(b, func(body []byte) error {
		_, err := manifest.Decode(body)
		return err
	})
}

func BenchmarkWalk(b *testing.B) {
	benchmarkReading(b, func(body []byte) error {
		return manifest.Walk(bytes.NewReader(body), func(manifest.DataKey, manifest.Entry) {})
	})
}

func benchmarkReading(b *testing.B, read func(body []byte) error) {
	b.Helper()
	var body bytes.Buffer
	if err := many(benchFiles).Write(&body); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(body.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if err := read(body.Bytes()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*benchFiles/b.Elapsed().Seconds(), "files/s")
}
