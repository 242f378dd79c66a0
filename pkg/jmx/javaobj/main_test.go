package javaobj

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// unhex reads hexadecimal with blanks in it.
func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// recorded are streams that Java wrote; testdata/Streams.java says how.
func recorded(tb testing.TB) map[string][]byte {
	tb.Helper()
	text, err := os.ReadFile("testdata/streams.txt")
	if err != nil {
		tb.Fatal(err)
	}
	streams := map[string][]byte{}
	for line := range strings.Lines(string(text)) {
		name, stream, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok {
			tb.Fatalf("line %.50q of streams.txt has no tab", line)
		}
		streams[name] = unhex(tb, stream)
	}
	return streams
}
