package transfer

import "os"

// cacheWindow is over how much of a file it is decided whether to let it go.
const cacheWindow = 8 << 20

// reading follows a file that is read once, and takes it out of the page cache
// again: what lies there is what Cassandra reads, and a backup that goes through
// all of its files would push it out. A part of the file that was there before
// stays, since somebody else wanted it.
type reading struct {
	f *os.File
	// from is where the window begins, and at how far the file was read.
	from, at int64
	// keep says of each window whether it was there. It is asked before the first
	// read: the kernel reads ahead, and would be taken for somebody else.
	keep []bool
}

// follow begins with a file of a size.
func follow(f *os.File, size int64) *reading {
	r := &reading{f: f, keep: make([]bool, 0, (size+cacheWindow-1)/cacheWindow)}
	for at := int64(0); at < size; at += cacheWindow {
		r.keep = append(r.keep, resident(f, at, min(cacheWindow, size-at)))
	}
	adviseSequential(f)
	return r
}

// moved says that n bytes more were read.
func (r *reading) moved(n int) {
	for r.at += int64(n); r.at-r.from >= cacheWindow; {
		r.leave(r.from + cacheWindow)
	}
}

// end lets the last window go.
func (r *reading) end() { r.leave(r.at) }

func (r *reading) leave(to int64) {
	if i := r.from / cacheWindow; to > r.from && i < int64(len(r.keep)) && !r.keep[i] {
		drop(r.f, r.from, to-r.from)
	}
	r.from = to
}

// writing follows a file that is written once. It brings it to the disk piece
// by piece, so that the sync at the end has little to wait for, and little of the
// memory of the machine is taken up by what waits for the disk.
type writing struct {
	f        *os.File
	from, at int64
}

// Write writes to the file.
func (w *writing) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	w.at += int64(n)
	if w.at-w.from >= cacheWindow {
		beginWriting(w.f, w.from, w.at-w.from)
		drop(w.f, 0, w.from) // what was begun a window ago is mostly done
		w.from = w.at
	}
	return n, err
}

// sync brings the file to the disk, and out of the page cache.
func (w *writing) sync() error {
	if err := w.f.Sync(); err != nil {
		return err
	}
	drop(w.f, 0, w.at)
	return nil
}
