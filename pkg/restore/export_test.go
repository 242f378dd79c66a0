package restore

import "os"

// WithLink has hard links made by link.
func WithLink(r Request, link func(from *os.File, name string, to *os.File, as string) error) Request {
	r.disk.link = link
	return r
}

// WithFree is on a disk of its own with so many bytes free.
func WithFree(r Request, free uint64) Request {
	r.disk.free = func(string) (uint64, error) { return free, nil }
	r.disk.same = func(string, string) (bool, error) { return false, nil }
	return r
}

// Link makes a hard link, as without WithLink.
func Link(from *os.File, name string, to *os.File, as string) error {
	return disk{}.linkTo(from, name, to, as)
}
