package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/icarus-sidecar/icarus/pkg/nodeops"
)

// terminal is one that nobody sits at. Look is called with all that was written to
// it so far; shown closes it and tells what that was.
func terminal(t *testing.T, look func(text string)) (tty *os.File, shown func() string) {
	t.Helper()
	ptmx, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(ptmx.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(ptmx.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	whole := make(chan string)
	go func() {
		var text []byte
		buffer := make([]byte, 1024)
		for {
			n, err := ptmx.Read(buffer)
			text = append(text, buffer[:n]...)
			if err != nil { // it is EIO when nobody has the terminal open any more
				whole <- string(text)
				return
			}
			look(string(text))
		}
	}()
	return tty, func() string {
		if err := tty.Close(); err != nil {
			t.Error(err)
		}
		text := <-whole
		if err := ptmx.Close(); err != nil {
			t.Error(err)
		}
		return text
	}
}

func TestOnATerminalThereIsABar(t *testing.T) {
	s := newShell(t, 1)
	_, release := s.node.Block("Snapshot")
	const bar = "[------------------------]   0%"
	tty, shown := terminal(t, func(text string) {
		if strings.Contains(text, bar) { // it is drawn while the work stands still
			release()
		}
	})
	root := program{
		node:   func(*jmxFlags) (nodeops.Node, error) { return s.node, nil },
		lookup: func(string) (string, bool) { return "", false },
	}.root()
	root.SetArgs(strings.Fields("backup --sl " + s.bucket + " --st first --entities shop --create-missing-bucket"))
	root.SetOut(io.Discard)
	root.SetErr(tty)
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Error(err)
	}
	if text := shown(); !strings.Contains(text, "\r") || !strings.Contains(text, "backup is COMPLETED") {
		t.Errorf("it shows %q", text)
	}
}
