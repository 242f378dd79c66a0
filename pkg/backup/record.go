package backup

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// state is by what a change of a file is seen without reading it. The zero one is
// of no file.
type state struct {
	size, modified int64
	inode          uint64
}

func stateOf(path string) (state, error) {
	var s unix.Stat_t
	if err := unix.Lstat(path, &s); err != nil {
		return state{}, &os.PathError{Op: "lstat", Path: path, Err: err}
	}
	return state{s.Size, s.Mtim.Nano(), s.Ino}, nil
}

func writeRecords(w *bufio.Writer, head memoryHead, records func(write func(record) error) error) error {
	line, err := json.Marshal(head)
	if err != nil {
		return err
	}
	if _, err := w.Write(append(line, '\n')); err != nil {
		return err
	}
	var b []byte
	return records(func(r record) error {
		b = b[:0]
		for _, name := range r.names {
			b = binary.AppendUvarint(b, uint64(len(name)))
			b = append(b, name...)
		}
		b = binary.AppendVarint(b, r.content.size)
		b = append(b, r.content.sha256[:]...)
		b = binary.AppendVarint(b, r.state.size)
		b = binary.AppendVarint(b, r.state.modified)
		b = binary.AppendUvarint(b, r.state.inode)
		_, err := w.Write(b)
		return err
	})
}

// readRecord is io.EOF where there are no more.
func readRecord(r *bufio.Reader) (rec record, err error) {
	if _, err := r.Peek(1); err != nil {
		return record{}, err
	}
	for i := range rec.names {
		if rec.names[i], err = readName(r); err != nil {
			return record{}, err
		}
	}
	if rec.content.size, err = binary.ReadVarint(r); err != nil {
		return record{}, err
	}
	if _, err := io.ReadFull(r, rec.content.sha256[:]); err != nil {
		return record{}, err
	}
	if rec.state.size, err = binary.ReadVarint(r); err != nil {
		return record{}, err
	}
	if rec.state.modified, err = binary.ReadVarint(r); err != nil {
		return record{}, err
	}
	rec.state.inode, err = binary.ReadUvarint(r)
	return rec, err
}

func readName(r *bufio.Reader) (string, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return "", err
	}
	if n > maxName {
		return "", fmt.Errorf("a name of %d bytes", n)
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return string(b), err
}
