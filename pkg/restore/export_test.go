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

// WithBefore has each change of a restore in place told before it is made.
func WithBefore(r InPlaceRequest, before func(change string)) InPlaceRequest {
	r.disk.before = before
	return r
}

// WithRoom is on one disk with so many bytes free.
func WithRoom(r InPlaceRequest, free uint64) InPlaceRequest {
	r.disk.free = func(string) (uint64, error) { return free, nil }
	return r
}

// EditYAML and ResolveHost are tested by themselves.
var (
	EditYAML    = editYAML
	ResolveHost = resolveHost
)
