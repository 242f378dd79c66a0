package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/client"
)

const (
	// operationTimeout is for one global operation; a busy machine is slow.
	operationTimeout = 15 * time.Minute
	postTimeout      = 30 * time.Second
	maxAnswer        = 1 << 20
)

// backupBody is the request of a backup of the ring as a user writes it.
type backupBody struct {
	Type            string `json:"type"`
	StorageLocation string `json:"storageLocation"`
	SnapshotTag     string `json:"snapshotTag"`
	Entities        string `json:"entities"`
	GlobalRequest   bool   `json:"globalRequest"`
}

// restoreBody is that of a restore.
type restoreBody struct {
	Type                    string     `json:"type"`
	StorageLocation         string     `json:"storageLocation"`
	SnapshotTag             string     `json:"snapshotTag"`
	Entities                string     `json:"entities"`
	RestorationStrategyType string     `json:"restorationStrategyType"`
	RestorationPhase        string     `json:"restorationPhase"`
	Import                  importBody `json:"import"`
	GlobalRequest           bool       `json:"globalRequest"`
}

type importBody struct {
	Type      string `json:"type"`
	SourceDir string `json:"sourceDir"`
}

// curl is the command that sends a body, for a user to type.
func curl(url string, body []byte) string {
	return fmt.Sprintf("curl -s %s/operations -H 'Content-Type: application/json' -d '%s'", url, body)
}

func indent(text string) string { return "    " + strings.ReplaceAll(text, "\n", "\n    ") }

// submit posts exactly the bytes that were shown.
func submit(ctx context.Context, url string, body []byte) (op rest.Operation, err error) {
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/operations", bytes.NewReader(body))
	if err != nil {
		return op, fmt.Errorf("writing a request: %w", err)
	}
	q.Header.Set("Content-Type", "application/json")
	q.Close = true // no idle connection outlives the demo
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		return op, err
	}
	defer func() { err = errors.Join(err, a.Body.Close()) }()
	text, err := io.ReadAll(io.LimitReader(a.Body, maxAnswer))
	if err != nil {
		return op, fmt.Errorf("reading the answer to a request: %w", err)
	}
	if a.StatusCode != http.StatusCreated {
		return op, fmt.Errorf("POST %s/operations answered %s: %s", url, a.Status, bytes.TrimSpace(text))
	}
	if err := json.Unmarshal(text, &op); err != nil {
		return op, fmt.Errorf("reading the answer to a request: %w", err)
	}
	return op, nil
}

// follow polls an operation until it is finished, and shows each answer.
func follow(ctx context.Context, url, id string, see func(op rest.Operation)) (rest.Operation, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, operationTimeout, fmt.Errorf("operation %s is not finished after %s", id, operationTimeout))
	defer cancel()
	c, err := client.New(url)
	if err != nil {
		return rest.Operation{}, err
	}
	defer c.Close()
	for {
		op, err := c.Operation(ctx, id)
		if err != nil {
			return rest.Operation{}, err
		}
		see(*op)
		if op.State.IsTerminal() {
			return *op, failureOf(*op)
		}
		if err := pause(ctx); err != nil {
			return *op, err
		}
	}
}

// failureOf is what a finished operation says went wrong, nil if nothing did.
func failureOf(op rest.Operation) error {
	if op.State == rest.StateCompleted && len(op.Errors) == 0 {
		return nil
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s is %s", op.Type, op.ID, op.State)
	if op.CurrentPhase != "" {
		fmt.Fprintf(&text, " in phase %s", op.CurrentPhase)
	}
	for _, e := range op.Errors {
		fmt.Fprintf(&text, "\n  %s: %s", e.Source, e.Message)
	}
	return errors.New(text.String())
}

// took is how long an operation was at work by its own clock, which does not
// depend on how often it was asked.
func took(op rest.Operation) time.Duration {
	if op.CompletionTime == nil {
		return 0
	}
	return op.CompletionTime.Sub(op.CreationTime)
}

// transferred is what a node moved for a global operation: its own operations
// of that type since then.
func transferred(ctx context.Context, url string, parent rest.Operation) (rest.Transfer, error) {
	c, err := client.New(url)
	if err != nil {
		return rest.Transfer{}, err
	}
	defer c.Close()
	ops, err := c.Operations(ctx, client.Filter{Types: []string{parent.Type}})
	if err != nil {
		return rest.Transfer{}, err
	}
	var sum rest.Transfer
	for _, op := range ops {
		if op.ID == parent.ID || op.CreationTime.Before(parent.CreationTime) || op.Transfer == nil {
			continue
		}
		sum.FilesTotal += op.Transfer.FilesTotal
		sum.BytesTotal += op.Transfer.BytesTotal
		sum.FilesReused += op.Transfer.FilesReused
	}
	return sum, nil
}

// flush has a node write a table's memtables to disk, through its sidecar.
func flush(ctx context.Context, url, keyspace, table string) error {
	c, err := client.New(url)
	if err != nil {
		return err
	}
	defer c.Close()
	op, err := c.Submit(ctx, &rest.FlushRequest{Header: rest.Header{Type: rest.TypeFlush}, Keyspace: keyspace, Tables: []string{table}})
	if err != nil {
		return err
	}
	op, err = c.Watch(ctx, op.ID, func(rest.Operation) {})
	if err != nil {
		return err
	}
	return failureOf(*op)
}
