package store

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	clocktesting "k8s.io/utils/clock/testing"
)

// newFile is a file bucket without retries, and its directory.
func newFile(t *testing.T) (*fileBucket, string) {
	t.Helper()
	l := Location{Provider: File, Dir: t.TempDir(), Bucket: "bucket"}
	if err := CheckBucket(t.Context(), l, Options{}, true); err != nil {
		t.Fatal(err)
	}
	opened, err := openFile(t.Context(), l, Options{Clock: clocktesting.NewFakeClock(time.Now())}, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := opened.(*fileBucket)
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b, l.path()
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if path != dir {
			names = append(names, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// gocloud.dev's fileblob never syncs.
func TestAFileIsOnTheDiskBeforeItHasItsName(t *testing.T) {
	t.Parallel()
	b, dir := newFile(t)
	var events []string
	b.sync = func(f *os.File) error {
		name := strings.TrimPrefix(f.Name(), dir+"/")
		if strings.HasPrefix(filepath.Base(name), tempPrefix) {
			name = "the file"
			if info, err := f.Stat(); err != nil || info.Size() != 4 {
				t.Errorf("synced at %v, %v", info, err)
			}
		}
		events = append(events, "sync "+name)
		return f.Sync()
	}
	b.link = func(root *os.Root, temp, key string) error {
		events = append(events, "link "+key)
		return root.Link(temp, key)
	}
	if err := b.Create(t.Context(), "a/b/k", []byte("body")); err != nil {
		t.Fatal(err)
	}
	root := strings.TrimPrefix(dir, dir+"/") + "/."
	want := []string{"sync " + root, "sync a", "sync the file", "link a/b/k", "sync a/b"}
	if len(events) > 0 {
		events[0] = "sync " + root // as the root names itself differs between releases of Go
	}
	if !slices.Equal(events, want) {
		t.Errorf("%q\nis not\n%q", events, want)
	}
}

func TestAFailingDiskFailsThePut(t *testing.T) {
	t.Parallel()
	b, dir := newFile(t)
	b.sync = func(f *os.File) error {
		if strings.Contains(f.Name(), tempPrefix) {
			return &os.PathError{Op: "sync", Path: f.Name(), Err: unix.EIO}
		}
		return nil
	}
	if err := b.Create(t.Context(), "a/k", []byte("body")); !errors.Is(err, unix.EIO) {
		t.Error(err)
	}
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("%q stayed", left)
	}
}

func TestAFullDiskIsNamed(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is no /dev/full here")
	}
	defer full.Close()
	b, _ := newFile(t)
	err = b.doing("writing", "a/k", b.fill(t.Context(), full, 4, reading([]byte("body"))))
	if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "no space left on device") || !strings.Contains(err.Error(), "a/k") {
		t.Error(err)
	}
}

func TestAFileSystemWithoutHardLinksIsExclusiveToo(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]error{"FAT": unix.EPERM, "FUSE": unix.ENOSYS, "an SMB share": unix.EOPNOTSUPP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, dir := newFile(t)
			b.link = func(_ *os.Root, temp, key string) error {
				return &os.LinkError{Op: "linkat", Old: temp, New: key, Err: refusal}
			}
			results := make([]error, 8)
			var wg sync.WaitGroup
			for i := range results {
				wg.Go(func() { results[i] = b.Create(t.Context(), "a/k", []byte("body")) })
			}
			wg.Wait()
			won := 0
			for _, err := range results {
				if err == nil {
					won++
				} else if !errors.Is(err, ErrExists) {
					t.Error(err)
				}
			}
			if left := files(t, dir); won != 1 || !slices.Equal(left, []string{"a", "a/k"}) {
				t.Errorf("%d won, and there are %q", won, left)
			}
		})
	}
}

// NFS may do a link, lose the answer, and then say that the name is taken.
func TestALinkThatWasRepeatedIsOurs(t *testing.T) {
	t.Parallel()
	b, _ := newFile(t)
	b.link = func(root *os.Root, temp, key string) error {
		return errors.Join(root.Link(temp, key), &os.LinkError{Op: "linkat", Old: temp, New: key, Err: unix.EEXIST})
	}
	if err := b.Create(t.Context(), "k", []byte("body")); err != nil {
		t.Error(err)
	}
}

func TestNothingIsPublishedAfterACancel(t *testing.T) {
	t.Parallel()
	b, dir := newFile(t)
	ctx, cancel := context.WithCancel(t.Context())
	b.sync = func(f *os.File) error {
		if strings.Contains(f.Name(), tempPrefix) {
			cancel() // at the last moment
		}
		return nil
	}
	if err := b.Create(ctx, "a/k", []byte("body")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("%q stayed", left)
	}
}

func TestTemporaryFilesAreHiddenAndGoAfterADay(t *testing.T) {
	t.Parallel()
	b, dir := newFile(t)
	old, young := "a/"+tempPrefix+"old", "a/"+tempPrefix+"young"
	if err := os.Mkdir(filepath.Join(dir, "a"), 0o750); err != nil {
		t.Fatal(err)
	}
	for name, age := range map[string]time.Duration{old: staleAfter + time.Minute, young: staleAfter - time.Minute} {
		path, at := filepath.Join(dir, name), b.clock.Now().Add(-age)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	for o, err := range b.List(t.Context(), "") {
		t.Errorf("List shows %v, %v", o, err)
	}
	if _, err := b.Stat(t.Context(), old); !errors.Is(err, ErrInvalid) {
		t.Errorf("Stat shows it: %v", err)
	}
	if err := b.Create(t.Context(), "a/k", nil); err != nil {
		t.Fatal(err)
	}
	if left := files(t, dir); !slices.Equal(left, []string{"a", young, "a/k"}) {
		t.Errorf("there are %q", left)
	}
}

func TestTheGroupMayReadAndNobodyElse(t *testing.T) {
	t.Parallel()
	b, dir := newFile(t)
	if err := b.Create(t.Context(), "a/k", nil); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{dir: dirMode, dir + "/a": dirMode, dir + "/a/k": fileMode} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm()&^want != 0 || info.Mode().Perm()&0o700 != want&0o700 {
			t.Errorf("%s is %v, %v", path, info.Mode(), err)
		}
	}
}

func TestALinkOutOfTheBucketLeadsNowhere(t *testing.T) {
	t.Parallel()
	b, dir := newFile(t)
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret")
	if err := errors.Join(os.WriteFile(secret, []byte("x"), 0o600), os.Symlink(outside, filepath.Join(dir, "out")), os.Symlink(secret, filepath.Join(dir, "file"))); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"out/secret", "file"} {
		if r, _, err := b.Get(t.Context(), key, 0); err == nil {
			t.Errorf("%s was read: %v", key, r.Close())
		}
	}
	if err := b.Create(t.Context(), "out/new", nil); err == nil {
		t.Error("it was written")
	}
	if err := b.Delete(t.Context(), "out/secret"); err == nil {
		t.Error("it was deleted")
	}
	if err := b.Replace(t.Context(), "file", []byte("ours")); err != nil {
		t.Error(err)
	}
	if there := files(t, outside); !slices.Equal(there, []string{"secret"}) {
		t.Errorf("outside are %q", there)
	}
	if body, err := os.ReadFile(secret); err != nil || string(body) != "x" {
		t.Errorf("the file outside has %q, %v", body, err)
	}
}

func TestAKeyThatIsADirectoryOfKeysIsInvalid(t *testing.T) {
	t.Parallel()
	b, _ := newFile(t)
	if err := b.Create(t.Context(), "a/b", nil); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"over": b.Create(t.Context(), "a", nil), "under": b.Create(t.Context(), "a/b/c", nil),
		"replacing over": b.Replace(t.Context(), "a", nil), "a long name": b.Create(t.Context(), strings.Repeat("x", 256), nil),
		"under our names": b.Create(t.Context(), tempPrefix+"x/y", nil),
	} {
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What should be a directory and is an object was once pruned as if it were an
// empty directory.
func TestAWriteBelowAnObjectDoesNotRemoveIt(t *testing.T) {
	t.Parallel()
	b, dir := newFile(t)
	if err := b.Create(t.Context(), "a/b", []byte("body")); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a/b/c", "a/b/c/d"} {
		if err := b.Delete(t.Context(), key); err != nil {
			t.Error(err)
		}
		if err := b.Create(t.Context(), key, nil); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", key, err)
		}
	}
	if left := files(t, dir); !slices.Equal(left, []string{"a", "a/b"}) {
		t.Errorf("there are %q", left)
	}
}

func TestDirectoriesComeAndGoWithTheirObjects(t *testing.T) {
	t.Parallel()
	b, dir := newFile(t)
	var wg sync.WaitGroup
	for i := range 8 {
		key := "a/b/" + string(rune('c'+i%2)) + "/k" + string(rune('0'+i))
		wg.Go(func() {
			for range 50 {
				if err := errors.Join(b.Create(t.Context(), key, nil), b.Delete(t.Context(), key)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("%q stayed", left)
	}
}

func TestABucketThatIsNotThere(t *testing.T) {
	t.Parallel()
	l := Location{Provider: File, Dir: filepath.Join(t.TempDir(), "not", "yet"), Bucket: "bucket"}
	if err := CheckBucket(t.Context(), l, Options{}, false); !errors.Is(err, ErrNoBucket) {
		t.Error(err)
	}
	b, err := Open(t.Context(), l, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	_, statErr := b.Stat(t.Context(), "k")
	var listErr error
	for _, listErr = range b.List(t.Context(), "") {
	}
	for name, err := range map[string]error{"Create": b.Create(t.Context(), "k", nil), "Stat": statErr, "List": listErr} {
		if !errors.Is(err, ErrNoBucket) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range 2 { // the second finds it
		if err := CheckBucket(t.Context(), l, Options{}, true); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Create(t.Context(), "k", nil); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(l.Dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l.Bucket = "file"
	if err := CheckBucket(t.Context(), l, Options{}, true); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
}

// A source need not know how much is wanted.
func TestExactlyReadsNoMoreThanOneByteTooMany(t *testing.T) {
	t.Parallel()
	source := strings.NewReader(strings.Repeat("x", 100))
	n, err := io.Copy(io.Discard, exactly(t.Context(), source, 10))
	if !errors.Is(err, ErrInvalid) || n > 10 || source.Len() < 89 {
		t.Errorf("%d bytes, %v, and %d are left", n, err, source.Len())
	}
}
