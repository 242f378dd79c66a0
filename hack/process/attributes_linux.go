package process

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// attributes put a program into a session of its own, so that Ctrl-C at a
// terminal does not reach it. With dieWithParent the kernel kills it when the
// thread that started it ends; Go ends a thread only with a goroutine that
// locked it, so that is the end of this process.
func attributes(dieWithParent bool) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setsid: true}
	if dieWithParent {
		a.Pdeathsig = syscall.SIGKILL
	}
	return a
}

// arguments are those of a process that runs; nil if there is none. A process
// that ended and was not waited for has none.
func arguments(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || len(text) == 0 {
		return nil
	}
	return strings.Split(string(bytes.TrimRight(text, "\x00")), "\x00")
}
