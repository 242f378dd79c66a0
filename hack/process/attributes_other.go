//go:build !linux

package process

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// attributes put a program into a session of its own, so that Ctrl-C at a
// terminal does not reach it. Nothing here can tie its life to this process.
func attributes(bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// arguments are those of a process that runs; nil if there is none.
func arguments(pid int) []string {
	text, err := exec.Command("ps", "-ww", "-o", "args=", "-p", strconv.Itoa(pid)).Output()
	if err != nil || strings.Contains(string(text), "<defunct>") {
		return nil
	}
	return strings.Fields(string(text))
}
