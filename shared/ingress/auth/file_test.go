package auth

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// These tests use real files and the real time, and wait for nothing: a password that is to be checked has the file looked
// at first.

func TestFileIsRewrittenInPlace(t *testing.T) {
	h := newHarness(t, line(t, "em", "old"))
	for _, password := range []string{"old", "new", "newer", "newest"} { // hashes have one length: only time and bytes differ
		write(t, h.path, line(t, "em", password))
		if status := h.as(t, basicValue("em", password)); status != http.StatusNoContent {
			t.Errorf("%s: %d, want 204", password, status)
		}
	}
	if status := h.as(t, basicValue("em", "old")); status != http.StatusUnauthorized {
		t.Errorf("old: %d, want 401", status)
	}
}

func TestFileIsRewrittenWithinATickOfItsClock(t *testing.T) {
	h := newHarness(t, line(t, "em", "old"))
	at := time.Now()
	for _, password := range []string{"new", "newer"} {
		write(t, h.path, line(t, "em", password))
		if err := os.Chtimes(h.path, at, at); err != nil {
			t.Fatal(err)
		}
		if status := h.as(t, basicValue("em", password)); status != http.StatusNoContent {
			t.Errorf("%s: %d, want 204 though time and size are those of the last look", password, status)
		}
	}
}

func TestFileThatHasSettledIsNotReadAgain(t *testing.T) {
	h := newHarness(t, line(t, "em", "old"))
	at := time.Now().Add(-settled - time.Second)
	same := func(content string) {
		write(t, h.path, content)
		if err := os.Chtimes(h.path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	same(line(t, "em", "new"))
	if status := h.as(t, basicValue("em", "new")); status != http.StatusNoContent {
		t.Fatalf("new: %d, want 204", status)
	}
	same(line(t, "em", "other")) // as no file system does
	if status := h.as(t, basicValue("em", "other")); status != http.StatusUnauthorized {
		t.Errorf("other: %d, want 401: the file was read though nothing tells of a change", status)
	}
	if status := h.as(t, basicValue("em", "other")); status != http.StatusUnauthorized {
		t.Errorf("other, once more: %d, want 401: a look that read nothing forgot what it knew of the file", status)
	}
}

func TestFileIsReplaced(t *testing.T) {
	h := newHarness(t, line(t, "em", "old"))
	write(t, h.path+".new", line(t, "em", "new"))
	if err := os.Rename(h.path+".new", h.path); err != nil {
		t.Fatal(err)
	}
	if a, b := h.as(t, basicValue("em", "old")), h.as(t, basicValue("em", "new")); a != 401 || b != 204 {
		t.Errorf("old and new: %d, %d; want 401, 204", a, b)
	}
}

// TestFileBehindKubernetesLinks changes a mounted secret as the kubelet does: a new folder, then one link swapped.
// Source: https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/volume/util/atomic_writer.go
func TestFileBehindKubernetesLinks(t *testing.T) {
	folder := t.TempDir()
	swap := func(version, content string) {
		if err := os.Mkdir(filepath.Join(folder, version), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(folder, version, "users"), content)
		if err := os.Symlink(version, filepath.Join(folder, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(folder, "..data_tmp"), filepath.Join(folder, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(folder, "users")
	if err := os.Symlink(filepath.Join("..data", "users"), path); err != nil {
		t.Fatal(err)
	}
	swap("..2026_12_01_1", line(t, "em", "old"))
	h := openHarness(t, path)
	if status := h.as(t, basicValue("em", "old")); status != http.StatusNoContent {
		t.Fatalf("old: %d, want 204", status)
	}
	swap("..2026_12_01_2", line(t, "em", "new"))
	if err := os.RemoveAll(filepath.Join(folder, "..2026_12_01_1")); err != nil {
		t.Fatal(err)
	}
	// The new one first: with it the file is looked at, while the old one is remembered for another second.
	if a, b := h.as(t, basicValue("em", "new")), h.as(t, basicValue("em", "old")); a != 204 || b != 401 {
		t.Errorf("new and old: %d, %d; want 204, 401", a, b)
	}
}

func TestABadFileKeepsTheOldUsersAndIsSaidOnce(t *testing.T) {
	h := newHarness(t, line(t, "em", "right"))
	const said = "the users file cannot be used, so the users that were read before stay"
	lines := 0
	for _, tc := range []struct {
		name, content, problem string // content "" removes the file
	}{
		{"plain password", "em:hunter2\n", "line 1: the hash is not one of bcrypt"},
		{"another line", "# x\nem:hunter2\n", "line 2: the hash is not one of bcrypt"},
		{"no user", "\n", "the file has no user"},
		{"removed", "", "no such file"},
	} {
		if tc.content == "" {
			if err := os.Remove(h.path); err != nil {
				t.Fatal(err)
			}
		} else {
			write(t, h.path, tc.content)
		}
		lines++
		for range 3 {
			if a, b := h.as(t, basicValue("em", "wrong")), h.as(t, basicValue("em", "right")); a != 401 || b != 204 {
				t.Errorf("%s: wrong and right password: %d, %d; want 401, 204 by the old users", tc.name, a, b)
			}
		}
		if n := h.log.Count(said); n != lines || h.log.Count(tc.problem) != 1 {
			t.Errorf("%s: the log has %d lines of bad files, want %d, and one with %q:\n%s", tc.name, n, lines, tc.problem, h.log)
		}
	}
	write(t, h.path, line(t, "em", "right")+line(t, "kyma", "right"))
	if status := h.as(t, basicValue("kyma", "right")); status != 204 || h.log.Count("the users file was read anew") != 1 || h.log.Count("users=2") != 1 {
		t.Errorf("after a good file: %d, want 204 and a line that says so:\n%s", status, h.log)
	}
	write(t, h.path, "em:hunter2\n")
	h.as(t, basicValue("em", "wrong"))
	if n := h.log.Count(said); n != lines+1 {
		t.Errorf("a bad file after a good one is said %d times in all, want %d", n, lines+1)
	}
	if h.log.Count("hunter2") != 0 {
		t.Errorf("the log shows what is in the file:\n%s", h.log)
	}
}

func TestTheSameContentIsNoChange(t *testing.T) {
	content := line(t, "em", "right")
	h := newHarness(t, content)
	c := h.watch(func() {})
	h.as(t, basicValue("em", "right"))
	write(t, h.path, content)
	h.as(t, basicValue("em", "wrong"))
	if status := h.as(t, basicValue("em", "right")); status != 204 || c.count() != 2 || h.log.Count("read anew") != 0 || h.counters.Value(countUsersRead) != 0 {
		t.Errorf("status %d, %d checks; want 204, the right password checked once, and nothing said:\n%s", status, c.count(), h.log)
	}
	if err := os.Remove(h.path); err != nil {
		t.Fatal(err)
	}
	h.as(t, basicValue("em", "wrong"))
	write(t, h.path, content)
	h.as(t, basicValue("em", "wrong"))
	if h.log.Count("read anew") != 1 || h.counters.Value(countUsersRead) != 0 {
		t.Errorf("that a missing file is back is not said once:\n%s", h.log)
	}
}

func TestNewBasicNamesFileAndLine(t *testing.T) {
	folder := t.TempDir()
	bad := filepath.Join(folder, "bad")
	write(t, bad, "# x\nem:hunter2\n")
	for path, want := range map[string]string{
		bad:                                bad + ": line 2: the hash is not one of bcrypt",
		filepath.Join(folder, "not-there"): "not-there: no such file or directory",
		folder:                             folder + ": is a directory",
	} {
		b, err := NewBasic(BasicConfig{UsersPath: path})
		if b != nil || err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("NewBasic(%s) = %v, %v; want an error that says %q and shows nothing of the file", path, b, err, want)
		}
	}
	large := filepath.Join(folder, "large")
	write(t, large, strings.Repeat("#\n", fileMaxBytes))
	if _, err := NewBasic(BasicConfig{UsersPath: large}); err == nil || !strings.Contains(err.Error(), "over the limit") {
		t.Errorf("NewBasic(a large file) = %v, want an error of the limit", err)
	}
}
