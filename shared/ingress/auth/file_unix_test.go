//go:build unix

package auth

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
)

// TestAUsersFileIsNoPipe: to open one waits for its writer, for ever if there is none.
func TestAUsersFileIsNoPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewBasic(BasicConfig{UsersPath: pipe}); err == nil || !strings.Contains(err.Error(), pipe+": is no regular file") {
		t.Errorf("NewBasic(a pipe) = %v, want it refused", err)
	}
	h := newHarness(t, line(t, "em", "right"))
	if err := os.Rename(pipe, h.path); err != nil {
		t.Fatal(err)
	}
	if a, b := h.as(t, basicValue("em", "wrong")), h.as(t, basicValue("em", "right")); a != 401 || b != 204 || h.log.Count("is no regular file") != 1 {
		t.Errorf("with a pipe in the file's place: %d, %d; want 401, 204 by the old users, and a line that says so:\n%s", a, b, h.log)
	}
}

func TestLooksLeaveNoFileOpen(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it would close what was forgotten
	h := newHarness(t, line(t, "em", "right"))
	descriptors := func() int {
		all, err := os.ReadDir("/dev/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	const looks = 50
	before := descriptors()
	for range looks {
		if _, err := readFile(h.path); err != nil {
			t.Fatal(err)
		}
	}
	if more := descriptors() - before; more >= looks {
		t.Errorf("%d more files are open after %d looks", more, looks)
	}
}
