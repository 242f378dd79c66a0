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
