package nodeops_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/icarus-sidecar/icarus/api/rest"
)

func (r *ring) verify(change func(q *rest.VerifyRequest)) *rest.VerifyRequest {
	return newRequest(rest.TypeVerify, func(q *rest.VerifyRequest) {
		q.StorageLocation, q.GlobalRequest = r.bucket, true
		if change != nil {
			change(q)
		}
	})
}

// spoil flips a bit of a file in the bucket.
func (r *ring) spoil(path string) {
	r.t.Helper()
	body, err := os.ReadFile(filepath.Join(r.dir, path))
	noError(r.t, err)
	body[len(body)/2] ^= 1
	noError(r.t, os.WriteFile(filepath.Join(r.dir, path), body, 0o600))
}

func TestAVerificationIsOfOneNodeOrOfAll(t *testing.T) {
	t.Parallel()
	r, s, tag := backedUp(t, "dc1", "dc2")
	s.node.Stop()       // it is not asked
	var manifests int64 // their bytes
	for _, level := range []string{rest.VerifyList, rest.VerifySize, rest.VerifyDigest} {
		op := s.completed(r.verify(func(q *rest.VerifyRequest) { q.Level = level }))
		got := result[rest.VerifyResult](t, op)
		if got.Backups != 2 || got.Files != len(r.files("/data/")) || got.Bad > 0 || got.BadObjects == nil || got.Damaged == nil || got.Level != level {
			t.Errorf("%s: %+v", level, got)
		}
		// To list costs a request for the manifests of each node, one for each of them, one
		// for its objects; and the topology.
		want := int64(2*3 + 1)
		read := manifests
		switch level {
		case rest.VerifyList:
			manifests, read = got.Cost.BytesRead, got.Cost.BytesRead
		case rest.VerifySize:
			want += int64(got.Files)
		default:
			want, read = want+int64(got.Files), manifests+got.Size
		}
		if got.Cost.Requests != want || got.Cost.BytesRead != read || op.Progress != 1 {
			t.Errorf("%s costs %+v, want %d requests and %d bytes; progress %v", level, got.Cost, want, read, op.Progress)
		}
	}
	dc2 := result[rest.VerifyResult](t, s.completed(r.verify(func(q *rest.VerifyRequest) { q.DC, q.SnapshotTag = "dc2", tag })))
	if dc2.Backups != 1 {
		t.Errorf("dc2: %+v", dc2)
	}
	own := result[rest.VerifyResult](t, r.sidecars[1].completed(r.verify(func(q *rest.VerifyRequest) {
		q.GlobalRequest, q.ResolveNodes = false, true
	})))
	if own.Backups != 1 || own.Files != dc2.Files {
		t.Errorf("own: %+v", own)
	}
}

func TestAVerificationThatFindsDamageIsFailedAndTellsAllOfIt(t *testing.T) {
	t.Parallel()
	r, s, tag := backedUp(t, "dc1", "dc2")
	spoilt := r.files(r.sidecars[1].node.HostID() + "/data/shop/")[0]
	r.spoil(spoilt)
	s.completed(r.verify(nil)) // a listing does not show it
	op := s.submit(r.verify(func(q *rest.VerifyRequest) { q.Level = rest.VerifyDigest }))
	done := s.wait(op.ID)
	key := spoilt[strings.Index(spoilt, "/data/")+1:]
	mentions(t, done.Errors, key, "hash", "1 objects are bad, and 1 of 1 backups damaged")
	if done.State != rest.StateFailed || len(done.Errors) != 1 || done.Errors[0].Source != r.sidecars[1].node.HostID() {
		t.Errorf("it is %s with %+v", done.State, done.Errors)
	}
	got := result[rest.VerifyResult](t, done)
	if got.Bad != 1 || len(got.BadObjects) != 1 || len(got.Damaged) != 1 {
		t.Fatalf("%+v", got)
	}
	bad := got.BadObjects[0]
	if bad.ObjectKey != key || bad.Problem != "hash" || bad.Backups != 1 || len(bad.Expected) != 64 || len(bad.Found) != 64 || !strings.HasSuffix(bad.Node, r.sidecars[1].node.HostID()) {
		t.Errorf("%+v", bad)
	}
	if d := got.Damaged[0]; d.Name != tag || d.Node != bad.Node || d.Bad != 1 {
		t.Errorf("%+v", d)
	}
}

func TestANodeWhoseManifestIsGoneIsMissed(t *testing.T) {
	t.Parallel()
	r, s, tag := backedUp(t, "dc1", "dc1")
	gone := r.files(r.sidecars[1].node.HostID() + "/manifests/")[0]
	noError(t, os.Remove(filepath.Join(r.dir, gone)))
	mentions(t, s.failed(r.verify(func(q *rest.VerifyRequest) { q.SnapshotTag = tag })), tag, r.sidecars[1].node.HostID())
	op := s.completed(r.verify(nil)) // its backups may have been removed
	if len(op.Warnings) != 1 || !strings.Contains(op.Warnings[0], r.sidecars[1].node.HostID()) {
		t.Errorf("warnings %v", op.Warnings)
	}
	r.spoilTopology()
	mentions(t, s.failed(r.verify(nil)), "topology/"+tag)
}

func (r *ring) spoilTopology() {
	r.t.Helper()
	noError(r.t, os.WriteFile(filepath.Join(r.dir, r.files("/topology/")[0]), []byte("{"), 0o600))
}

func TestNothingToVerifyIsAnError(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1")
	r.fill()
	s := r.sidecars[0]
	s.completed(r.backup(nil))
	mentions(t, s.failed(r.verify(func(q *rest.VerifyRequest) { q.SnapshotTag = "other" })), "there is no such backup: other")
	// The node that is a placeholder has none.
	mentions(t, s.failed(r.verify(func(q *rest.VerifyRequest) { q.GlobalRequest = false })), "there is no such backup")
}

func TestVerificationsThatAreRefused(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1")
	for name, c := range map[string]struct {
		change func(q *rest.VerifyRequest)
		field  string
		text   string
	}{
		"sampled rows":         {func(q *rest.VerifyRequest) { q.Level = "rows" }, "level", "not supported yet"},
		"a level that is none": {func(q *rest.VerifyRequest) { q.Level = "much" }, "level", "must be one of list, size, digest"},
		"no location":          {func(q *rest.VerifyRequest) { q.StorageLocation = "" }, "storageLocation", "is missing"},
		"a bad location":       {func(q *rest.VerifyRequest) { q.StorageLocation = "s3://b/c" }, "storageLocation", "not of the form"},
		"no bandwidth":         {func(q *rest.VerifyRequest) { q.Bandwidth = &rest.Bandwidth{Unit: "BPS"} }, "bandwidth", "at least"},
		"a tag that is none":   {func(q *rest.VerifyRequest) { q.SnapshotTag = "../x" }, "snapshotTag", ""},
		"all and this":         {func(q *rest.VerifyRequest) { q.ResolveNodes = true }, "resolveNodes", "globalRequest"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told := r.sidecars[0].refused(r.verify(c.change))
			last := told.Violations[len(told.Violations)-1]
			if told.Code != http.StatusBadRequest || last.Field != c.field || !strings.Contains(last.Message, c.text) {
				t.Errorf("%+v", told)
			}
		})
	}
}
