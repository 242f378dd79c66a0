package store

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxKeyBytes is the limit of S3, the strictest of the providers.
const maxKeyBytes = 1024

// CheckKey refuses what is not a plain relative path: the keys of a bucket must
// mean the same in every provider, and never leave a directory.
func CheckKey(key string) error {
	if key == "" {
		return invalid("the key is empty")
	}
	if len(key) > maxKeyBytes {
		return invalid("key %.100q... has %d bytes, and %d are the most", key, len(key), maxKeyBytes)
	}
	if problem := problemOfPath(key); problem != "" {
		return invalid("key %q %s", key, problem)
	}
	return nil
}

// problemOfPath says what keeps a relative path from being plain, "" if nothing.
func problemOfPath(path string) string {
	if !utf8.ValidString(path) {
		return "is not valid UTF-8"
	}
	if strings.ContainsFunc(path, unicode.IsControl) {
		return "has a control character"
	}
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "":
			return "has an empty segment"
		case ".", "..":
			return "has a segment " + segment
		}
	}
	return ""
}
