package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/icarus-sidecar/icarus/api/v1alpha1"
	"github.com/icarus-sidecar/icarus/hack/kubernetes"
)

// The kinds, and their names for kubectl.
const (
	kindBackup  = "CassandraBackup"
	kindRestore = "CassandraRestore"
	backups     = "cassandrabackups"
	restores    = "cassandrarestores"
)

// object is one that is applied and followed to its end.
type object struct {
	title, resource, name, file string
}

// backUpByObjects backs the ring up twice: nothing of ours changes in between.
func (d *demo) backUpByObjects(ctx context.Context) error {
	var edits []kubernetes.Edit
	if d.stage.s3 == nil {
		edits = append(edits, edit(kindBackup, d.stage.location(), "spec", "storageLocation"))
	}
	file, err := d.manifest("backup.yaml", "backup.yaml", edits...)
	if err != nil {
		return err
	}
	if err := d.performObject(ctx, object{"backup", backups, "friday", file}); err != nil {
		return err
	}
	file, err = d.manifest("backup.yaml", "backup-again.yaml", append(edits, edit(kindBackup, "friday-again", "metadata", "name"))...)
	if err != nil {
		return err
	}
	return d.performObject(ctx, object{"backup, no change", backups, "friday-again", file})
}

func (d *demo) restoreByObject(ctx context.Context) error {
	file, err := d.manifest("restore.yaml", "restore.yaml", edit(kindRestore, d.stage.downloads(), "spec", "downloadDirectory"))
	if err != nil {
		return err
	}
	if err := d.performObject(ctx, object{"restore", restores, "friday-back", file}); err != nil {
		return err
	}
	if u, err := usageOf(d.stage.controller.PID); err == nil {
		fmt.Fprintf(d.say, "The controller took %s of CPU since its start, and at most %s of memory\n", seconds(u.cpu), megabytes(u.peak))
	}
	return nil
}

func edit(kind, value string, path ...string) kubernetes.Edit {
	return kubernetes.Edit{Kind: kind, Path: path, Value: value}
}

// manifest is the sample itself where it does as it stands, and otherwise a copy of
// it with what differs here.
func (d *demo) manifest(sample, name string, edits ...kubernetes.Edit) (string, error) {
	file := filepath.Join(config, "samples", sample)
	if len(edits) == 0 {
		return file, nil
	}
	m, err := kubernetes.ReadManifest(file, edits...)
	if err != nil {
		return "", err
	}
	file = filepath.Join(d.stage.dir, name)
	return file, m.Write(file)
}

// performObject shows a manifest, applies it, shows how it is doing, and keeps what
// it cost.
func (d *demo) performObject(ctx context.Context, o object) error {
	ctx, cancel := context.WithTimeoutCause(ctx, operationTimeout, fmt.Errorf("%s is not finished after %s", o.name, operationTimeout))
	defer cancel()
	text, err := os.ReadFile(o.file)
	if err != nil {
		return fmt.Errorf("reading a manifest: %w", err)
	}
	fmt.Fprintf(d.say, "One object: %s\n", o.title)
	fmt.Fprintf(d.out, "    # %s\n%s\n", o.file, indent(strings.TrimSpace(string(text))))
	start := d.stage.usages()
	for _, s := range d.stage.sidecars {
		forgetPeak(s.PID)
	}
	began := time.Now()
	if err := d.apply(ctx, o.file); err != nil {
		return err
	}
	fmt.Fprintf(d.out, "    $ kubectl get %s %s -w\n", o.resource, o.name)
	status, err := d.stage.cluster.Watch(ctx, o.resource, o.name, d.out)
	if err != nil {
		return err
	}
	c := cost{name: o.title, wall: time.Since(began), sidecars: since(start, d.stage.usages())}
	d.costs = append(d.costs, c)
	if err := failureOfObject(o.name, &status); err != nil {
		return err
	}
	var t v1alpha1.Transfer
	if status.Transfer != nil {
		t = *status.Transfer
	}
	fmt.Fprintf(d.say, "%s is complete after %s: %d files, %s; %d files were there already\n",
		o.name, seconds(c.wall), t.FilesTotal, megabytes(t.BytesTotal), t.FilesReused)
	for _, w := range status.Warnings {
		fmt.Fprintln(d.say, "Warning:", w)
	}
	return nil
}

// apply has kubectl apply a file, where there is one, and otherwise does it itself.
func (d *demo) apply(ctx context.Context, file string) error {
	fmt.Fprintf(d.out, "    $ kubectl apply -f %s\n", file)
	program, err := exec.LookPath("kubectl")
	if errors.Is(err, exec.ErrNotFound) {
		fmt.Fprintln(d.out, "    (there is no kubectl here; the demo applies it itself)")
		m, err := kubernetes.ReadManifest(file)
		if err != nil {
			return err
		}
		return d.stage.cluster.Apply(ctx, m)
	}
	if err != nil {
		return fmt.Errorf("finding kubectl: %w", err)
	}
	cmd := exec.CommandContext(ctx, program, "apply", "-f", file)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+d.stage.apiServer.Kubeconfig(), "KUBECACHEDIR="+filepath.Join(d.stage.kubernetes(), "kubectl"))
	said, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("kubectl apply -f %s: %w\n%s", file, err, said)
	}
	fmt.Fprintln(d.out, indent(string(bytes.TrimSpace(said))))
	return nil
}

// failureOfObject is what an object that has ended says went wrong, nil if nothing did.
func failureOfObject(name string, s *v1alpha1.OperationStatus) error {
	if meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionComplete) {
		return nil
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s is not complete", name)
	if c := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionFailed); c != nil {
		fmt.Fprintf(&text, ": %s: %s", c.Reason, c.Message)
	}
	for _, e := range s.Errors {
		fmt.Fprintf(&text, "\n  %s: %s", e.Source, e.Message)
	}
	return errors.New(text.String())
}
