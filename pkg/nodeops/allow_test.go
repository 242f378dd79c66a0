package nodeops_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/icarus-sidecar/icarus/pkg/cassandra/cassandratest"
	"github.com/icarus-sidecar/icarus/pkg/nodeops"
)

func TestAllow(t *testing.T) {
	t.Parallel()
	fake := cassandratest.New(t, cassandratest.Options{})
	fake.CreateTable("shop", "items")
	data := filepath.Dir(filepath.Dir(fake.Described("shop", "items").DataPaths[0]))
	parent, extra, outside := filepath.Dir(data), t.TempDir(), t.TempDir()
	link := func(to string, at ...string) string {
		path := filepath.Join(at...)
		noError(t, os.Symlink(to, path))
		return path
	}
	noError(t, os.WriteFile(filepath.Join(extra, "file"), nil, 0o600))
	linked := link(extra, t.TempDir(), "linked") // an allowed directory that is a link itself
	d := &nodeops.Deps{Node: fake, AllowedDirectories: []string{linked, filepath.Join(outside, "not-there-yet")}}
	cases := map[string]struct {
		dir     string
		allowed bool
	}{
		"a data directory":                           {data, true},
		"what is in it":                              {filepath.Join(data, "shop"), true},
		"its parent":                                 {parent, true},
		"what is beside it":                          {filepath.Join(parent, "downloads"), true},
		"what is not there, deep in what is":         {filepath.Join(parent, "a", "b", "c"), true},
		"the parent of the parent":                   {filepath.Dir(parent), false},
		"what begins as the parent does":             {parent + "-other", false},
		"the root":                                   {"/", false},
		"nothing":                                    {"", false},
		"a relative one":                             {"downloads", false},
		"an allowed one by its link":                 {linked, true},
		"what is in an allowed one, by its own name": {filepath.Join(extra, "x"), true},
		"an allowed one that is not there":           {filepath.Join(outside, "not-there-yet", "x"), true},
		"another":                                    {outside, false},
		"a name that begins with dots":               {filepath.Join(extra, "..data"), true},
		"one that climbs out":                        {extra + "/../" + filepath.Base(outside), false},
		"a link that leads out":                      {link(outside, extra, "out"), false},
		"what is behind a link that leads out":       {filepath.Join(extra, "out", "deep"), false},
		"a link that leads out and in again":         {link(extra+"/out/../"+filepath.Base(extra), extra, "round"), true},
		"a link that leads from one to another":      {link(parent, extra, "across"), true},
		"a link to nowhere":                          {link("/no/such/place", extra, "dangling"), false},
		"what is behind a link to nowhere":           {filepath.Join(extra, "dangling", "x"), false},
		"a link to itself":                           {link(filepath.Join(extra, "loop"), extra, "loop"), false},
		"what is behind a file":                      {filepath.Join(extra, "file", "x"), false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := d.Allow(t.Context(), "field", c.dir); (err == nil) != c.allowed {
				t.Errorf("%s: %v", c.dir, err)
			}
		})
	}
}

func TestADataDirectoryThatIsALinkIsAllowed(t *testing.T) {
	t.Parallel()
	fake := cassandratest.New(t, cassandratest.Options{})
	fake.CreateTable("shop", "items")
	data := filepath.Dir(filepath.Dir(fake.Described("shop", "items").DataPaths[0]))
	disk := t.TempDir()
	noError(t, os.Rename(data, filepath.Join(disk, "data")))
	noError(t, os.Symlink(filepath.Join(disk, "data"), data))
	d := &nodeops.Deps{Node: fake}
	noError(t, d.Allow(t.Context(), "dataDirs", data))
	if err := d.Allow(t.Context(), "dataDirs", disk); err == nil {
		t.Error("the disk that it leads to is allowed as a whole")
	}
}

func TestADirectoryThatComesAndGoesIsAllowed(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	d := &nodeops.Deps{Node: cassandratest.New(t, cassandratest.Options{}), AllowedDirectories: []string{root}}
	dir, over := filepath.Join(root, "downloads"), make(chan struct{})
	var beside sync.WaitGroup
	beside.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
				if err := errors.Join(os.Mkdir(dir, 0o750), os.Remove(dir)); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for range 1000 {
		if err := d.Allow(t.Context(), "field", dir); err != nil {
			t.Error(err)
			break
		}
	}
	close(over)
	beside.Wait()
}
