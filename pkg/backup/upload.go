package backup

import (
	"context"

	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// hash finds out the SHA-256 of every file.
func (j *job) hash(ctx context.Context, files []*file) error {
	var total transfer.Counts
	list := make([]transfer.File, len(files))
	for i, f := range files {
		list[i] = transfer.File{Path: f.path, Size: f.size}
		total = total.Plus(transfer.Counts{FilesTotal: 1, BytesTotal: f.size})
	}
	j.report(Progress{PhaseHash, total})
	sums, err := transfer.Hash(ctx, list, j.options())
	if err != nil {
		return err
	}
	for i, f := range files {
		f.sha256 = sums[i]
	}
	return nil
}

// upload moves what is not in the bucket, and tells every file its place.
func (j *job) upload(ctx context.Context, files []*file) (transfer.Counts, error) {
	h, err := j.history(ctx, files)
	if err != nil {
		return transfer.Counts{}, err
	}
	listed, err := j.list(ctx, files, h.concerned())
	if err != nil {
		return transfer.Counts{}, err
	}
	pending, items, err := plan(files, h, listed)
	if err != nil {
		return transfer.Counts{}, err
	}
	var reused transfer.Counts
	for _, f := range files {
		if f.place != "" {
			reused = reused.Plus(transfer.Reused(f.size))
		}
	}
	counts := reused // of the last report
	o := j.options()
	o.Counted = reused
	o.BytesPerSecond = transfer.RateWithin(j.Duration, items, j.BytesPerSecond)
	o.Report = func(c transfer.Counts) {
		counts = c
		j.report(Progress{PhaseUpload, c})
	}
	placed, err := transfer.Upload(ctx, j.bucket, items, o)
	if err != nil {
		return transfer.Counts{}, err
	}
	for i, f := range pending {
		f.place = placed[i].Key
	}
	return counts, nil
}
