package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// files of a set-up: a plain one, one with holes in a folder of its own, a private one.
func files() []File {
	return []File{
		{Path: "plain.txt", Content: []byte("plain\n")},
		{Path: "sub/env", Content: []byte("A=@Arn@\nB=@Url@ and @Arn@\nC=(x).*\n"), Holes: []string{"@Arn@", "@Url@"}},
		{Path: "key.pem", Content: []byte("secret\n"), Mode: 0o600},
	}
}

// TestTry: a folder that is there, one that would be made, and what is none; nothing is left.
func TestTry(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for folder, want := range map[string]string{
		dir: "", filepath.Join(dir, "new", "setup"): "", file: "not a directory", filepath.Join(file, "setup"): "not a directory",
	} {
		if err := Try(folder); (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), folder)) {
			t.Errorf("Try(%s) = %v, want %q", folder, err, want)
		}
	}
	if there, err := os.ReadDir(dir); err != nil || len(there) != 1 {
		t.Errorf("Try left %v (%v), want the file alone", there, err)
	}
}

func states(results []Result) (s []State) {
	for _, r := range results {
		s = append(s, r.State)
	}
	return s
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "setup")
	write := func(force bool, want ...State) {
		t.Helper()
		results, err := Write(dir, files(), force)
		if diff := cmp.Diff(want, states(results)); err != nil || diff != "" {
			t.Errorf("Write = %v, %v, want %v", results, err, want)
		}
	}
	change := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func(name string) string {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err.Error()
		}
		return string(content)
	}
	write(false, Written, Written, Written)
	write(false, Unchanged, Unchanged, Unchanged)
	write(true, Unchanged, Unchanged, Unchanged)
	for name, want := range map[string]fs.FileMode{"plain.txt": 0o644, "sub/env": 0o644, "key.pem": 0o600, ".": 0o700, "sub": 0o700} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm()&^want != 0 {
			t.Errorf("%s has mode %v (%v), want no more than %v", name, info.Mode().Perm(), err, want)
		}
	}

	filled := "A=arn:aws:x\nB=https://y and arn:aws:x\nC=(x).*\n"
	change("sub/env", filled)
	write(false, Unchanged, Filled, Unchanged)
	if read("sub/env") != filled {
		t.Errorf("sub/env = %q, want what was filled in", read("sub/env"))
	}
	for _, other := range []string{"A=\nB=x and y\nC=(x).*\n", "A=x\nD=y\nB=x and x\nC=(x).*\n", filled + "D=1\n", "A=x y\nB=x and x\nC=(x).*\n"} {
		change("sub/env", other)
		if err := os.Remove(filepath.Join(dir, "plain.txt")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		_, err := Write(dir, files(), false)
		differs, is := errors.AsType[*DiffersError](err)
		if !is || cmp.Diff([]string{"sub/env"}, differs.Paths) != "" || !strings.Contains(err.Error(), "--force") {
			t.Errorf("Write over %q = %v, want an error that names sub/env and --force", other, err)
		}
		if read("sub/env") != other || !strings.Contains(read("plain.txt"), "no such file") {
			t.Errorf("after a refusal: %q, %q, want all as it was", read("sub/env"), read("plain.txt"))
		}
	}
	write(true, Written, Replaced, Unchanged)
	if read("sub/env") != string(files()[1].Content) {
		t.Errorf("sub/env = %q, want the new content", read("sub/env"))
	}
	change("sub/env", filled)
	write(true, Unchanged, Replaced, Unchanged)
	entries, err := filepath.Glob(filepath.Join(dir, "*.new"))
	if err != nil || len(entries) > 0 {
		t.Errorf("left over: %v (%v), want nothing", entries, err)
	}
}

func TestWriteRefusesWhatIsNoFile(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	for name, obstruct := range map[string]func(dir string) error{
		"a link":              func(dir string) error { return os.Symlink(outside, filepath.Join(dir, "plain.txt")) },
		"a folder":            func(dir string) error { return os.Mkdir(filepath.Join(dir, "plain.txt"), 0o700) },
		"a link for a folder": func(dir string) error { return os.Symlink(t.TempDir(), filepath.Join(dir, "sub")) },
		"a file for a folder": func(dir string) error { return os.WriteFile(filepath.Join(dir, "sub"), nil, 0o600) },
	} {
		dir := t.TempDir()
		if err := obstruct(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := Write(dir, files(), true); err == nil {
			t.Errorf("Write with %s in the way = nil, want an error", name)
		}
		if _, err := os.Stat(outside); err == nil {
			t.Errorf("Write with %s in the way wrote outside of its folder", name)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(file, files(), false); err == nil {
		t.Error("Write into a file = nil, want an error")
	}
}

func TestWriteAfterAnInterruptedOne(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "plain.txt.new"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	results, err := Write(dir, files(), false)
	if diff := cmp.Diff([]State{Written, Written, Written}, states(results)); err != nil || diff != "" {
		t.Errorf("Write = %v, %v, want all written", results, err)
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	if _, err := Write(dir, files(), false); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(dir, "key.pem"); string(got) != "secret\n" || err != nil {
		t.Errorf("Read = %q, %v, want the key", got, err)
	}
	if got, err := Read(dir, "none.pem"); got != nil || err != nil {
		t.Errorf("Read of a file that is not there = %q, %v, want nil, nil", got, err)
	}
	if got, err := Read(filepath.Join(dir, "none"), "key.pem"); got != nil || err != nil {
		t.Errorf("Read in a folder that is not there = %q, %v, want nil, nil", got, err)
	}
	if got, err := Read(dir, "plain.txt"); got != nil || err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("Read of a file that others may read = %q, %v, want an error that says chmod 600", got, err)
	}
	if got, err := Read(dir, "sub"); got != nil || err == nil {
		t.Errorf("Read of a folder = %q, %v, want an error", got, err)
	}
	if got, err := Read(filepath.Join(dir, "plain.txt"), "key.pem"); got != nil || err == nil {
		t.Errorf("Read in a file = %q, %v, want an error", got, err)
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "folder")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for range 2 {
		results, err := Write(dir, []File{{Path: "trust-anchor.pem", Content: []byte("…")}}, false)
		fmt.Println(results, err)
	}
	// Output:
	// [{trust-anchor.pem written}] <nil>
	// [{trust-anchor.pem unchanged}] <nil>
}
