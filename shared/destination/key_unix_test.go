//go:build unix

package destination

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestKeyIsNoPipe: to open one waits for its writer, for ever if there is none.
func TestKeyIsNoPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, filepath.Dir(pipe)} {
		if _, e := readKey(path); e == nil || e.Kind != LocalKey || !strings.Contains(e.Error(), path) || !strings.Contains(e.Error(), "no regular file") {
			t.Errorf("readKey(%s) = %v, want it refused", path, e)
		}
	}
}
