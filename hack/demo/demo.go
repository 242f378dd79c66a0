package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	"github.com/gocql/gocql"
	"golang.org/x/sync/errgroup"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/hack/dataset"
	"github.com/icarus-sidecar/icarus/pkg/client"
)

const (
	// demoTimeout ends a demo that hangs; one takes two minutes, and with
	// everything to fetch first, ten.
	demoTimeout = 45 * time.Minute
	// strikeTimeout is for stopping everything.
	strikeTimeout = time.Minute

	tag      = "demo"
	againTag = "demo-again"
)

var (
	errVerdict     = errors.New("what was restored is not what was backed up")
	errInterrupted = errors.New("interrupted")
)

// demo is one run.
type demo struct {
	settings settings
	out      io.Writer
	say      *clockWriter
	terminal bool
	stage    *stage
	set      *dataset.Set
	names    map[string]string // of nodes by host id
	costs    []cost
}

// up sets the stage, shows the demo, and strikes the stage unless it is to be kept.
func up(ctx context.Context, s settings, out io.Writer) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, demoTimeout, fmt.Errorf("the demo is not over after %s", demoTimeout))
	defer cancel()
	for _, program := range s.programs() {
		if _, err := os.Stat(program); err != nil {
			return fmt.Errorf("there is no %s here; run make build in the tree of Icarus: %w", program, err)
		}
	}
	dir, err := stageDir()
	if err != nil {
		return err
	}
	unlock, err := alone(ctx, dir)
	if err != nil {
		return err
	}
	defer unlock()
	if err := vacant(ctx, dir); err != nil {
		return err
	}
	d := &demo{
		settings: s, out: out, terminal: isTerminal(out), say: &clockWriter{out: out, began: time.Now()}, stage: &stage{dir: dir},
	}
	fmt.Fprintln(out, "Icarus:", s)
	set := false
	defer func() { err = d.leave(ctx, set, err) }()
	if err := d.stage.setUp(ctx, s, d.say); err != nil {
		return err
	}
	set = true
	return d.show(ctx)
}

// leave strikes the stage, or says what stays, and tells with a failure where
// the logs are. A stage that was not set up whole, or that a person interrupted,
// is not kept.
func (d *demo) leave(ctx context.Context, set bool, failure error) error {
	interrupted := errors.Is(ctx.Err(), context.Canceled)
	switch {
	case interrupted:
		failure = errInterrupted // what that broke is of no interest
	case failure != nil && set: // before that, errors quote the logs
		failure = fmt.Errorf("%w\nlogs: %s", failure, strings.Join(d.stage.logs(), "\n      "))
	}
	if d.settings.keep && set && !interrupted {
		d.invite()
		return failure
	}
	fmt.Fprintln(d.say, "Stopping what was started")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), strikeTimeout)
	defer cancel()
	return errors.Join(failure, d.stage.strike(ctx))
}

func (d *demo) invite() {
	url := d.stage.sidecars[0].url()
	fmt.Fprint(d.out, "\nEverything is left running. Try:\n")
	if d.settings.kubernetes {
		fmt.Fprintf(d.out, `    export KUBECONFIG=%s
    kubectl get icarus -o wide
    kubectl describe cbk friday
    kubectl delete cbk friday-again
`, d.stage.apiServer.Kubeconfig())
	}
	fmt.Fprintf(d.out, `    curl -s %s/operations
    curl -s %s/topology
    curl -s %s/status
Data, logs, bucket: %s
Stop it with: make demo-down
`, url, url, d.stage.sidecars[1].url(), d.stage.dir)
}

// show is the demo on its stage.
func (d *demo) show(ctx context.Context) error {
	if err := d.introduce(ctx); err != nil {
		return err
	}
	backUp, restore := d.backUp, d.restore
	if d.settings.kubernetes {
		backUp, restore = d.backUpByObjects, d.restoreByObject
	}
	config := d.stage.ring.CQL()
	config.Logger = log.New(io.Discard, "", 0) // its errors are returned, too
	session, err := config.CreateSession()
	if err != nil {
		return fmt.Errorf("opening a CQL session: %w", err)
	}
	defer session.Close()
	before, err := d.load(ctx, session)
	if err != nil {
		return err
	}
	if err := backUp(ctx); err != nil {
		return err
	}
	damaged, err := d.damage(ctx)
	if err != nil {
		return err
	}
	if err := restore(ctx); err != nil {
		return err
	}
	restored, err := d.set.Prints(ctx)
	if err != nil {
		return err
	}
	return d.conclude(compare(before, damaged, restored))
}

// introduce tells what the sidecars are while they have nothing to do.
func (d *demo) introduce(ctx context.Context) error {
	c, err := client.New(d.stage.sidecars[0].url())
	if err != nil {
		return err
	}
	defer c.Close()
	topology, err := c.Topology(ctx)
	if err != nil {
		return err
	}
	d.names = map[string]string{}
	for _, n := range topology.Topology {
		for _, s := range d.stage.sidecars {
			if s.Address == n.IPAddress {
				d.names[n.NodeID] = s.name()
			}
		}
	}
	info, err := os.Stat(binary)
	if err != nil {
		return fmt.Errorf("looking at the sidecar: %w", err)
	}
	idle := make([]string, 0, nodes)
	for _, s := range d.stage.sidecars {
		if u, err := usageOf(s.PID); err == nil {
			idle = append(idle, megabytes(u.rss))
		}
	}
	fmt.Fprintf(d.say, "Three sidecars answer: a binary of %s; idle in memory: %s\n", megabytes(info.Size()), strings.Join(idle, ", "))
	return nil
}

// load makes the data, and reads it.
func (d *demo) load(ctx context.Context, session *gocql.Session) (dataset.Prints, error) {
	d.set = dataset.New(session, dataset.Options{Nodes: map[string]int{"dc1": nodes}})
	fmt.Fprintf(d.say, "Writing keyspaces %s (RF 2) and %s (RF 3), a table of it in %d flushes\n", d.set.Shop(), d.set.Bank(), dataset.Flushes)
	err := d.set.Populate(ctx, func(ctx context.Context, keyspace, table string) error {
		g, ctx := errgroup.WithContext(ctx)
		for _, s := range d.stage.sidecars {
			g.Go(func() error { return flush(ctx, s.url(), keyspace, table) })
		}
		return g.Wait()
	})
	if err != nil {
		return nil, err
	}
	before, err := d.set.Prints(ctx)
	if err != nil {
		return nil, err
	}
	tables, n := rows(before)
	fmt.Fprintf(d.say, "Wrote %d tables with %d rows\n", tables, n)
	return before, nil
}

// backUp backs the ring up twice: nothing changes in between.
func (d *demo) backUp(ctx context.Context) error {
	for _, b := range []struct{ tag, title string }{{tag, "backup"}, {againTag, "backup, no change"}} {
		err := d.perform(ctx, b.title, backupBody{
			Type: rest.TypeBackup, StorageLocation: d.stage.location(), SnapshotTag: b.tag, Entities: d.entities(), GlobalRequest: true,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) entities() string { return strings.Join(d.set.Keyspaces(), ",") }

func (d *demo) damage(ctx context.Context) (dataset.Prints, error) {
	fmt.Fprintln(d.say, "Deleting rows, truncating a table, overwriting others; making a table that the backup does not know")
	if err := d.set.Damage(ctx); err != nil {
		return nil, err
	}
	if err := d.set.CreateLater(ctx); err != nil {
		return nil, err
	}
	damaged, err := d.set.Prints(ctx)
	if err != nil {
		return nil, err
	}
	_, n := rows(damaged)
	fmt.Fprintf(d.say, "Left %d rows, %d of them in the new table %s\n", n, damaged[d.set.Later()].Rows, d.set.Later())
	return damaged, nil
}

func (d *demo) restore(ctx context.Context) error {
	return d.perform(ctx, "restore", restoreBody{
		Type: rest.TypeRestore, StorageLocation: d.stage.location(), SnapshotTag: tag, Entities: d.entities(),
		RestorationStrategyType: string(rest.StrategyHardlinks), RestorationPhase: string(rest.PhaseInit),
		Import:        importBody{Type: rest.TypeImport, SourceDir: d.stage.downloads()},
		GlobalRequest: true,
	})
}

// perform shows a request as a user types it, sends it to the first sidecar,
// shows how the nodes are doing, and keeps what it cost.
func (d *demo) perform(ctx context.Context, title string, body any) error {
	text := &bytes.Buffer{}
	encoder := json.NewEncoder(text)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(body); err != nil {
		return fmt.Errorf("encoding a request: %w", err)
	}
	request := bytes.TrimSpace(text.Bytes())
	url := d.stage.sidecars[0].url()
	fmt.Fprintf(d.say, "One request to one sidecar: %s\n", title)
	fmt.Fprintln(d.out, indent(curl(url, request)))
	start := d.stage.usages()
	for _, s := range d.stage.sidecars {
		forgetPeak(s.PID)
	}
	op, err := submit(ctx, url, request)
	if err != nil {
		return err
	}
	op, err = follow(ctx, url, op.ID, newBoard(d.out, d.terminal, d.names).see)
	if err != nil {
		return err
	}
	c := cost{name: title, wall: took(op), sidecars: since(start, d.stage.usages())}
	d.costs = append(d.costs, c)
	moved, err := d.moved(ctx, op)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.say, "%s is %s after %s: %s\n", title, op.State, seconds(c.wall), moved)
	for _, w := range op.Warnings {
		fmt.Fprintln(d.say, "Warning:", w)
	}
	return nil
}

// moved tells what the nodes transferred in an operation.
func (d *demo) moved(ctx context.Context, parent rest.Operation) (string, error) {
	var sum rest.Transfer
	for _, s := range d.stage.sidecars {
		t, err := transferred(ctx, s.url(), parent)
		if err != nil {
			return "", err
		}
		sum.FilesTotal += t.FilesTotal
		sum.BytesTotal += t.BytesTotal
		sum.FilesReused += t.FilesReused
	}
	return fmt.Sprintf("%d files, %s; %d files were there already", sum.FilesTotal, megabytes(sum.BytesTotal), sum.FilesReused), nil
}

// conclude shows what came back and what it cost.
func (d *demo) conclude(list []comparison) error {
	fmt.Fprintln(d.say, "Compared every row")
	fmt.Fprintln(d.out)
	if err := writeComparison(d.out, list); err != nil {
		return err
	}
	names := make([]string, 0, nodes)
	for _, s := range d.stage.sidecars {
		names = append(names, strings.ToUpper(s.name()))
	}
	fmt.Fprintln(d.out)
	if err := writeCosts(d.out, names, d.costs); err != nil {
		return err
	}
	if !allGood(list) {
		return errVerdict
	}
	fmt.Fprintln(d.out)
	fmt.Fprintln(d.say, "Every table is as it was backed up, and the later one as it was left")
	return nil
}
