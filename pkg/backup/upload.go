package backup

import (
	"context"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// hash finds out the SHA-256 of those files that may be in the bucket already. The
// others are hashed while they are sent.
func (j *job) hash(ctx context.Context, files []*file) error {
	var total transfer.Counts
	for _, f := range files {
		total = total.Plus(transfer.Counts{FilesTotal: 1, BytesTotal: f.content.size})
	}
	j.report(Progress{PhaseHash, total})
	if err := j.history(ctx, files); err != nil {
		return err
	}
	var unknown []*file
	var list []transfer.File
	for _, f := range files {
		if !f.hashed && len(f.claims)+len(f.seen) > 0 {
			unknown = append(unknown, f)
			list = append(list, transfer.File{Path: f.path(), Size: f.content.size})
		}
	}
	sums, err := transfer.Hash(ctx, list, j.options())
	if err != nil {
		return err
	}
	for i, f := range unknown {
		f.setHash(sums[i])
	}
	return nil
}

// setHash takes the SHA-256 that the file was read to have.
func (f *file) setHash(sha256 string) {
	f.hashed = f.content.setHash(sha256)
	f.fresh = f.hashed
}

// upload moves what is not in the bucket, and tells every file its place.
func (j *job) upload(ctx context.Context, files []*file) (transfer.Counts, error) {
	pending, err := j.plan(files)
	if err != nil {
		return transfer.Counts{}, err
	}
	var reused transfer.Counts
	for _, f := range files {
		if f.place != "" {
			reused = reused.Plus(transfer.Reused(f.content.size))
		}
	}
	var bytes int64
	for _, f := range pending {
		bytes += f.content.size
		j.touched[f.in.key.TableID] = true
	}
	counts := reused // of the last report
	o := j.options()
	o.Counted = reused
	o.Report = func(c transfer.Counts) {
		counts = c
		j.report(Progress{PhaseUpload, c})
	}
	j.Rate.Set(transfer.RateOf(j.Duration, bytes, j.BytesPerSecond))
	err = transfer.UploadEach(ctx, j.bucket, len(pending),
		func(i int) int64 { return pending[i].content.size },
		func(i int) transfer.Outgoing { return pending[i].outgoing() },
		func(i int, p transfer.Placed) error { return pending[i].put(p) }, o)
	return counts, err
}

// put takes where a file ended up.
func (f *file) put(p transfer.Placed) error {
	key, err := manifest.ParseDataKey(p.Key)
	if err != nil {
		return err
	}
	f.place, f.compared = f.same(key.Dir), p.Reused
	if !f.hashed {
		f.setHash(p.SHA256)
	}
	return nil
}
