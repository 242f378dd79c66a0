package main

import (
	"testing"
	"testing/fstest"
)

func TestContainerMemoryIsTheLeastLimitOfTheGroups(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"no groups": {},
		"version 2, in a container": {
			files: map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "268435456\n"}, want: 256 << 20,
		},
		"version 2, without a limit": {
			files: map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"},
		},
		"version 2, by a group above": {
			files: map[string]string{
				"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/memory.max": "1048576", "sys/fs/cgroup/a/b/memory.max": "2097152",
			}, want: 1 << 20,
		},
		"version 1, under the path of the host": {
			files: map[string]string{
				"proc/self/cgroup":                           "9:cpu:/x\n5:memory:/docker/1234\n",
				"sys/fs/cgroup/memory/memory.limit_in_bytes": "1073741824\n",
			}, want: 1 << 30,
		},
		"version 1, without a limit": {
			files: map[string]string{
				"proc/self/cgroup": "5:cpu,memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
			},
		},
		"no number": {
			files: map[string]string{"proc/self/cgroup": "0::/\n\n:\n", "sys/fs/cgroup/memory.max": "much"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := fstest.MapFS{}
			for path, text := range tc.files {
				root[path] = &fstest.MapFile{Data: []byte(text)}
			}
			got, ok := containerMemory(root)
			if ok != (tc.want > 0) || ok && got != tc.want {
				t.Errorf("it is %d, %v", got, ok)
			}
		})
	}
}

func TestTheBandwidthOfTheNodeIsSaidAsInARequest(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"": 0, "10M": 10_000_000, "1kbps": 1000, "fast": -1, "0M": -1, "-1M": -1} {
		limit, err := newLimit(text)
		switch {
		case (err != nil) != (want < 0):
			t.Errorf("%q is %v", text, err)
		case want == 0 && limit != nil:
			t.Error("there is a limit where none was asked for")
		case want > 0 && limit.BytesPerSecond() != want:
			t.Errorf("%q is %d bytes a second", text, limit.BytesPerSecond())
		}
	}
}

func TestTheCommandLineCachesWhereOtherProgramsDo(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		env  map[string]string
		want string
	}{
		"nowhere":                {},
		"in the home":            {map[string]string{"HOME": "/home/me"}, "/home/me/.cache/icarus/backups"},
		"where the desktop says": {map[string]string{"HOME": "/home/me", "XDG_CACHE_HOME": "/cache"}, "/cache/icarus/backups"},
		"not below no directory": {map[string]string{"HOME": "me", "XDG_CACHE_HOME": ""}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := cacheDir(func(key string) (string, bool) {
				value, ok := tc.env[key]
				return value, ok
			})
			if got != tc.want {
				t.Errorf("it is %q, not %q", got, tc.want)
			}
		})
	}
}
