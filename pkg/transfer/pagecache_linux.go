package transfer

import (
	"os"

	"golang.org/x/sys/unix"
)

// These are advice: what the kernel makes of it changes nothing but the speed,
// so that nobody wants to know when it did not take it.

func adviseSequential(f *os.File) { advise(f, 0, 0, unix.FADV_SEQUENTIAL) }

// drop does not reach pages that are mapped, as Cassandra has them.
func drop(f *os.File, from, length int64) { advise(f, from, length, unix.FADV_DONTNEED) }

func advise(f *os.File, from, length int64, advice int) {
	_ = unix.Fadvise(int(f.Fd()), from, length, advice)
}

func beginWriting(f *os.File, from, length int64) {
	_ = unix.SyncFileRange(int(f.Fd()), from, length, unix.SYNC_FILE_RANGE_WRITE)
}

// resident tells whether most of a part of a file is in the page cache. Kernels
// before 6.5 do not say, and then it is not.
func resident(f *os.File, from, length int64) bool {
	var stat unix.Cachestat_t
	if err := unix.Cachestat(uint(f.Fd()), &unix.CachestatRange{Off: uint64(from), Len: uint64(length)}, &stat, 0); err != nil {
		return false
	}
	page := int64(os.Getpagesize())
	return 2*int64(stat.Cache) >= (length+page-1)/page
}
