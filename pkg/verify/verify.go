package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/pkg/retention"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// ErrNotFound is for a tag that no backup of the node has.
var ErrNotFound = errors.New("there is no such backup")

// Level is how much is looked at.
type Level string

// The levels.
const (
	List   Level = "list"
	Size   Level = "size"
	Digest Level = "digest"
)

// Options say what is verified, and how. The zero value is all backups, at level
// List.
type Options struct {
	Level Level
	// Tag is the very tag of a backup, or what a user called one or several; all
	// backups if it is "".
	Tag string
	// Parallel is how many requests are made at once.
	Parallel int
	// Limits hold the reading of objects to rates.
	Limits []*transfer.Limiter
	// Report is told how far the reading of objects is.
	Report func(transfer.Counts)
	// Clock is the real one if nil.
	Clock clock.Clock
}

func (o Options) completed() Options {
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	return o
}

// Report is what a verification found out.
type Report struct {
	// Tags are those of the backups that were verified, sorted.
	Tags []string
	// Objects are those that they name, each counted once.
	Objects retention.Size
	// Bad is what is not as it should be, by key.
	Bad []Bad
	// Damaged are the backups that name a bad object, by tag.
	Damaged []Damage
	// Unhashed is how many objects have no hash in the manifests: of them nothing
	// but the size can be known.
	Unhashed int
	// Cost is also told where the verification ends with an error.
	Cost Cost
}

// Problem is what kind of bad an object is.
type Problem string

// The problems.
const (
	// Missing is an object that is not there.
	Missing Problem = "missing"
	// OtherSize and OtherHash are of one that was replaced, cut or changed.
	OtherSize Problem = "size"
	OtherHash Problem = "hash"
	// Unreadable is one that the store has and does not give.
	Unreadable Problem = "unreadable"
	// NoManifest is a manifest that is none, or that of another backup.
	NoManifest Problem = "manifest"
)

// Bad is an object that is not what it should be.
type Bad struct {
	// Key is relative to the node.
	Key     string
	Problem Problem
	// Expected and Found are for people.
	Expected, Found string
	// Backups are the tags of those that need it, sorted.
	Backups []string
}

// Damage is a backup that lacks something.
type Damage struct {
	Tag string
	// Bad is how many of its objects are bad.
	Bad int
}

// Cost is what a verification took. Requests are those that the store answers; what
// is tried again because it failed is not counted, and of a listing each thousand
// objects are one.
type Cost struct {
	Requests  int64
	BytesRead int64
	Time      time.Duration
}

// Plus is the sum of two costs, one after the other.
func (c Cost) Plus(d Cost) Cost {
	return Cost{c.Requests + d.Requests, c.BytesRead + d.BytesRead, c.Time + d.Time}
}

// Node verifies backups of a node. The bucket begins at the node, as in package
// backup. Bad objects are no error.
func Node(ctx context.Context, b store.Bucket, o Options) (Report, error) {
	o = o.completed()
	start := o.Clock.Now()
	v := &verifier{Options: o, bucket: &counting{Bucket: b}}
	err := v.run(ctx)
	report := v.report()
	report.Cost.Time = o.Clock.Since(start)
	return report, err
}

// verifier is one verification of a node.
type verifier struct {
	Options
	bucket *counting
	plan   plan
	// bad is by the number of the object in the plan.
	bad map[int32]Bad
	// gone are tags that were removed meanwhile.
	gone map[string]bool
}

func (v *verifier) run(ctx context.Context) error {
	if err := v.gather(ctx); err != nil {
		return err
	}
	v.bad = map[int32]Bad{}
	if err := v.list(ctx); err != nil {
		return err
	}
	switch v.Level {
	case List, "":
	case Size:
		if err := v.ask(ctx); err != nil {
			return err
		}
	case Digest:
		if err := v.read(ctx); err != nil {
			return err
		}
	default:
		return fmt.Errorf("level %q is none", v.Level)
	}
	return v.forgive(ctx)
}

// parallel is how many requests are made at once.
func (v *verifier) parallel() int { return transfer.Parallel(v.Parallel) }
