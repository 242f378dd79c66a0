package operation

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/icarus-sidecar/icarus/api/rest"
)

const (
	journalFile = "operations.db"
	// lockPatience is how long a sidecar that is being replaced may hold the file.
	lockPatience = 2 * time.Second
	// journalVersion is raised when an older sidecar could misread a record.
	journalVersion = 1
)

var (
	bucketRecords = []byte("operations")
	bucketMeta    = []byte("meta")
	keyVersion    = []byte("version")
)

// record is an operation as the journal holds it.
type record struct {
	// Seq orders operations by their submission.
	Seq uint64 `json:"seq"`
	// Operation is the envelope; Request is beside it, so that no field of a
	// request can hide behind one of the envelope.
	Operation rest.Operation  `json:"operation"`
	Request   json.RawMessage `json:"request"`
	// Fingerprint tells the request as submitted from another with the same id.
	Fingerprint string `json:"fingerprint"`
	// Secrets tells that the request carried a secret, which is not here.
	Secrets bool `json:"secrets,omitempty"`
	// Cancelled tells that a client asked to cancel.
	Cancelled bool `json:"cancelled,omitempty"`
	// Kept is what Run put aside with Handle.Keep.
	Kept json.RawMessage `json:"kept,omitempty"`
}

// journal is the file of records. Every write is synced when it returns.
type journal struct {
	db   *bbolt.DB
	path string
}

// openJournal opens the journal in dir, or begins one, and reads its records.
func openJournal(dir string) (*journal, []record, error) {
	path := filepath.Join(dir, journalFile)
	fail := func(err error, wayOut string) (*journal, []record, error) {
		return nil, nil, fmt.Errorf("%w: opening %s: %w; %s", ErrJournal, path, err, wayOut)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fail(err, "give a directory that the sidecar may write to")
	}
	j := &journal{path: path}
	var records []record
	err := guarded(func() (err error) {
		if j.db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockPatience}); err != nil {
			return err
		}
		if err := errors.Join(j.prepare(), syncDir(dir)); err != nil {
			return err
		}
		records, err = j.load()
		return err
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fail(errors.New("another sidecar holds it"), "stop that one, or give this one a state directory of its own")
	case errors.Is(err, os.ErrPermission):
		return fail(err, "give the sidecar the right to read and write it")
	case err != nil:
		return fail(errors.Join(err, j.close()),
			"move the file aside to start with an empty history; backups are not affected")
	}
	return j, records, nil
}

// guarded turns a panic into an error: bbolt panics where the pages of a file
// contradict each other, and a page beyond the end of a truncated file is a fault.
func guarded(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the file is damaged: %v", p)
		}
	}()
	return f()
}

// syncDir makes the name of a new file durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (j *journal) prepare() error {
	return j.db.Update(func(tx *bbolt.Tx) error {
		if info, err := os.Stat(j.path); err != nil || info.Size() < tx.Size() {
			return errors.Join(errors.New("the file is damaged: its end is missing"), err)
		}
		meta, err := tx.CreateBucketIfNotExists(bucketMeta)
		if err != nil {
			return err
		}
		if _, err := tx.CreateBucketIfNotExists(bucketRecords); err != nil {
			return err
		}
		switch version := meta.Get(keyVersion); {
		case version == nil:
			return meta.Put(keyVersion, binary.BigEndian.AppendUint64(nil, journalVersion))
		case len(version) != 8 || binary.BigEndian.Uint64(version) > journalVersion:
			return errors.New("it was written by a newer sidecar")
		}
		return nil
	})
}

func (j *journal) load() ([]record, error) {
	var records []record
	err := j.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketRecords).ForEach(func(key, value []byte) error {
			var r record
			if err := json.Unmarshal(value, &r); err != nil {
				return fmt.Errorf("record %x is damaged: %w", key, err)
			}
			r.Operation.Request = r.Request
			records = append(records, r)
			return nil
		})
	})
	return records, err
}

// put writes a record, new or changed.
func (j *journal) put(r record) error {
	r.Request, r.Operation.Request = r.Operation.Request, nil
	value, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("%w: encoding operation %s: %w", ErrJournal, r.Operation.ID, err)
	}
	err = j.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucketRecords).Put(sequence(r.Seq), value) })
	if err != nil {
		return fmt.Errorf("%w: writing operation %s to %s: %w", ErrJournal, r.Operation.ID, j.path, err)
	}
	return nil
}

// drop forgets records.
func (j *journal) drop(seqs []uint64) error {
	err := j.db.Update(func(tx *bbolt.Tx) error {
		for _, seq := range seqs {
			if err := tx.Bucket(bucketRecords).Delete(sequence(seq)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%w: forgetting operations in %s: %w", ErrJournal, j.path, err)
	}
	return nil
}

func (j *journal) close() error {
	if j.db == nil {
		return nil
	}
	return j.db.Close()
}

func sequence(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }
