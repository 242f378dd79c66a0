package restore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/sstable"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// Download brings the SSTables of the tables in scope below the source
// directory, verified, and leaves a record of them.
func Download(ctx context.Context, node Node, bucket store.Bucket, r Request, report func(Progress)) (Result, error) {
	j, err := beginHealthy(ctx, node, bucket, r, report)
	if err != nil {
		return Result{}, err
	}
	tags, err := j.candidates(ctx)
	if err != nil {
		return Result{}, err
	}
	m, err := j.manifest(ctx, tags[0])
	if err != nil {
		return Result{}, err
	}
	if err := j.checkTokens(m); err != nil {
		return Result{}, err
	}
	tables, err := j.plan(m)
	if err != nil {
		return Result{}, err
	}
	live, err := j.local(ctx, targetsOf(tables))
	if err != nil {
		return Result{}, err
	}
	for i := range tables {
		t := live[tables[i].Target]
		tables[i].Dir = t.Keyspace + "/" + t.Name + "-" + t.ID
	}
	if err := j.checkSource(ctx); err != nil {
		return Result{}, err
	}
	result := Result{SnapshotTag: tags[0], Tables: namesOf(tables)}
	if result.Warnings, err = j.warnings(ctx, m); err != nil {
		return Result{}, err
	}
	result.Counts, err = j.download(ctx, tags[0], tables, live)
	return result, err
}

// plan is what is to be downloaded of a manifest.
func (j *job) plan(m *manifest.Manifest) ([]table, error) {
	moves, err := j.scope(m)
	if err != nil {
		return nil, err
	}
	tables := make([]table, len(moves))
	for i, move := range moves {
		keyspace, name, _ := strings.Cut(move.from, ".")
		held, _ := m.Table(keyspace, name) // scope has it from there
		files, err := components(held)
		if err != nil {
			return nil, fmt.Errorf("reading what backup %s holds of %s: %w", m.Snapshot.Name, move.from, err)
		}
		tables[i] = table{Name: move.from, Target: move.to, Files: files}
	}
	return tables, nil
}

// components are the files of a table's own SSTables; see the package's comment
// on those of its indexes. Decode has checked the keys and their table, and that
// no two files have one name.
func components(t manifest.Table) ([]file, error) {
	var files []file
	whole := map[string]bool{}
	for e := range t.Entries() {
		key, err := e.DataKey()
		if err != nil {
			return nil, err
		}
		if key.Index != "" {
			continue
		}
		part, ok := sstable.ParseName(key.File)
		if !ok || !isFileName(key.File) {
			return nil, fmt.Errorf("%w: %s is no file of an SSTable", manifest.ErrCorrupt, e.ObjectKey)
		}
		whole[part.Base] = whole[part.Base] || part.Component == dataComponent
		files = append(files, file{Name: key.File, Size: e.Size, Hash: e.Hash, key: e.ObjectKey})
	}
	for base, hasData := range whole {
		if !hasData {
			return nil, fmt.Errorf("%w: SSTable %s has no %s", manifest.ErrCorrupt, base, dataComponent)
		}
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.Name, b.Name) })
	return files, nil
}

// warnings tell what may make the data look other than it did.
func (j *job) warnings(ctx context.Context, m *manifest.Manifest) ([]string, error) {
	version, err := j.node.SchemaVersion(ctx)
	if err != nil {
		return nil, err
	}
	if m.SchemaVersion == "" || m.SchemaVersion == version {
		return nil, nil
	}
	return []string{fmt.Sprintf("the schema is another than it was at the backup (%s, now %s): columns that were dropped since are not seen",
		m.SchemaVersion, version)}, nil
}

func (j *job) download(ctx context.Context, tag string, tables []table, live map[string]cassandra.Table) (transfer.Counts, error) {
	p, err := j.makePlace(tag)
	if err != nil {
		return transfer.Counts{}, err
	}
	defer p.close()
	var items []transfer.Incoming
	for _, t := range tables {
		// Also where there is nothing to put into it: Download makes no empty ones.
		if err := p.root.MkdirAll(t.Dir, 0o755); err != nil {
			return transfer.Counts{}, fmt.Errorf("making the directory for %s: %w", t.Target, err)
		}
		for _, f := range t.Files {
			items = append(items, transfer.Incoming{Key: f.key, Path: path.Join(t.Dir, f.Name), Size: f.Size, Hash: f.Hash})
		}
	}
	var counts transfer.Counts
	options := transfer.Options{
		Parallel: j.Parallel, BytesPerSecond: j.BytesPerSecond, Limits: j.Limits, Stall: transfer.DefaultStall,
		Report: func(c transfer.Counts) {
			counts = c
			j.report(Progress{Transfer: c})
		},
	}
	if err := j.checkRoom(p, tables, live); err != nil {
		return transfer.Counts{}, err
	}
	if j.NoDownloadData {
		err = transfer.Verify(ctx, p.path, items, options)
	} else {
		err = transfer.Download(ctx, j.bucket, p.path, items, options)
	}
	if err != nil {
		return counts, err
	}
	return counts, j.conclude(ctx, p, tables, live)
}

// conclude removes what does not belong to the backup and writes the record.
func (j *job) conclude(ctx context.Context, p *place, tables []table, live map[string]cassandra.Table) error {
	rec := record{Version: recordVersion, HostID: j.hostID, SnapshotTag: p.tag, Tables: tables}
	for i := range tables {
		if err := p.prune(tables[i]); err != nil {
			return err
		}
		truncations, err := truncationsOf(live[tables[i].Target])
		if err != nil {
			return err
		}
		tables[i].Truncations = truncations
		if len(j.Entities) == 0 {
			rec.Keyspaces = append(rec.Keyspaces, keyspaceOf(tables[i].Name))
		}
	}
	for _, entity := range j.Entities {
		if !strings.Contains(entity, ".") {
			rec.Keyspaces = append(rec.Keyspaces, entity)
		}
	}
	rec.Keyspaces = sorted(rec.Keyspaces)
	if err := ctx.Err(); err != nil {
		return err
	}
	return p.write(recordFile, rec)
}

// prune removes what lies among a table's files but is none of the backup's:
// Cassandra would import it with them.
func (p *place) prune(t table) error {
	entries, err := fs.ReadDir(p.root.FS(), t.Dir)
	if err != nil {
		return fmt.Errorf("reading the directory of %s: %w", t.Target, err)
	}
	for _, e := range entries {
		if _, wanted := slices.BinarySearchFunc(t.Files, e.Name(), func(f file, name string) int { return strings.Compare(f.Name, name) }); wanted {
			continue
		}
		if err := p.root.RemoveAll(path.Join(t.Dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing what is not of the backup: %w", err)
		}
	}
	return nil
}
