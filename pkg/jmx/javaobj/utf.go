package javaobj

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// AppendUTF appends a string the way java.io.DataOutput.writeUTF does: its length
// in two bytes, then modified UTF-8. It is for strings of up to 65535 bytes.
func AppendUTF(dst []byte, s string) ([]byte, error) {
	start := len(dst)
	dst = appendModified(append(dst, 0, 0), s)
	n := len(dst) - start - 2
	if n > 0xffff {
		return dst[:start], fmt.Errorf("a text of %d bytes is too long for its place, where 65535 are allowed", n)
	}
	dst[start], dst[start+1] = byte(n>>8), byte(n)
	return dst, nil
}

// CutUTF takes a string that AppendUTF could have written off the front of b.
func CutUTF(b []byte) (s string, rest []byte, err error) {
	if len(b) < 2 {
		return "", nil, fmt.Errorf("%w: a text is cut off", ErrMalformed)
	}
	n := int(b[0])<<8 | int(b[1])
	if b = b[2:]; len(b) < n {
		return "", nil, fmt.Errorf("%w: a text is cut off", ErrMalformed)
	}
	s, ok := fromModified(b[:n])
	if !ok {
		return "", nil, fmt.Errorf("%w: a text is not modified UTF-8", ErrMalformed)
	}
	return s, b[n:], nil
}

// appendModified appends modified UTF-8: U+0000 takes two bytes, and what is
// beyond U+FFFF is two surrogates of three bytes each.
func appendModified(dst []byte, s string) []byte {
	for _, r := range s {
		switch {
		case r == 0:
			dst = append(dst, 0xc0, 0x80)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			dst = appendUnit(appendUnit(dst, high), low)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

// appendUnit appends a surrogate, which utf8 would not.
func appendUnit(dst []byte, r rune) []byte {
	return append(dst, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0xbf, 0x80|byte(r)&0x3f)
}

// fromModified decodes modified UTF-8. Half a pair of surrogates, which Java
// strings may hold and ours may not, becomes U+FFFD. The result is never longer
// than b.
func fromModified(b []byte) (string, bool) {
	if isPlain(b) {
		return string(b), true
	}
	out := make([]byte, 0, len(b))
	var high rune // a first surrogate that waits for its second
	for len(b) > 0 {
		r, size := unit(b)
		if size == 0 {
			return "", false
		}
		b = b[size:]
		if high != 0 {
			pair := utf16.DecodeRune(high, r)
			high = 0
			if pair != utf8.RuneError {
				out = utf8.AppendRune(out, pair)
				continue
			}
			out = utf8.AppendRune(out, utf8.RuneError)
		}
		if r >= 0xd800 && r < 0xdc00 {
			high = r
			continue
		}
		out = utf8.AppendRune(out, r) // a lone second surrogate becomes U+FFFD here
	}
	if high != 0 {
		out = utf8.AppendRune(out, utf8.RuneError)
	}
	return string(out), true
}

func isPlain(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// unit decodes one UTF-16 unit; size is 0 where there is none.
func unit(b []byte) (r rune, size int) {
	follows := func(i int) bool { return i < len(b) && b[i]&0xc0 == 0x80 }
	switch c := b[0]; {
	case c < 0x80:
		return rune(c), 1
	case c&0xe0 == 0xc0 && follows(1):
		return rune(c&0x1f)<<6 | rune(b[1]&0x3f), 2
	case c&0xf0 == 0xe0 && follows(1) && follows(2):
		return rune(c&0x0f)<<12 | rune(b[1]&0x3f)<<6 | rune(b[2]&0x3f), 3
	}
	return 0, 0
}
