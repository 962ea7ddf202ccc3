// Package folder writes the files of a set-up into a folder.
//
// [Write] is the one call; [Try] tells beforehand whether it could. It promises that nothing is overwritten unless it is told to; that it first looks at everything and
// then writes, so that a file in the way leaves the folder as it was; that each file appears whole or not at all; and that
// writing the same again changes nothing and says so.
//
// It does not remove files that it did not write, nor follow links out of the folder.
package folder

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// File is what is to be in the folder.
type File struct {
	// Path is within the folder, with slashes.
	Path string
	// Content is all of it.
	Content []byte
	// Mode is the file's; 0 means 0644.
	Mode fs.FileMode
	// Holes are the marks in Content that something else fills in later, for example "@TopicArn@". A file that differs only
	// there is as it should be.
	Holes []string
}

// State is what became of a file.
type State string

// What became of a file.
const (
	Written   State = "written"   // it was not there
	Replaced  State = "replaced"  // it was there, and differed
	Unchanged State = "unchanged" // it was there as it should be
	Filled    State = "filled in" // it was there, and its holes are filled in; kept
)

// Result tells of one file.
type Result struct {
	Path  string `json:"path"`
	State State  `json:"state"`
}

// DiffersError tells of files that are there with another content.
type DiffersError struct {
	// Folder is where, Paths which.
	Folder string
	Paths  []string
}

// Error names the files and what to do.
func (e *DiffersError) Error() string {
	return fmt.Sprintf("write %s: there with another content, and nothing was written: %s; look at them, then use --force to replace them, "+
		"or another --folder", e.Folder, strings.Join(e.Paths, ", "))
}

// Write writes the files into folder, which it makes, readable by its owner alone, if it is not there. Of a file that is there
// with another content it returns a [*DiffersError] before anything is written, unless force replaces it. With force a file
// whose holes are filled in is replaced too. The results are in the order of files.
func Write(folder string, files []File, force bool) (results []Result, err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder: %w", err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("open the folder: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	var differ []string
	for _, f := range files {
		state, err := look(root, f)
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", path.Join(folder, f.Path), err)
		}
		if state == Replaced && !force {
			differ = append(differ, f.Path)
		}
		if state == Filled && force {
			state = Replaced
		}
		results = append(results, Result{f.Path, state})
	}
	if len(differ) > 0 {
		return nil, &DiffersError{Folder: folder, Paths: differ}
	}
	for i, f := range files {
		if results[i].State == Written || results[i].State == Replaced {
			if err := put(root, f); err != nil {
				return nil, fmt.Errorf("write %s: %w", path.Join(folder, f.Path), err)
			}
		}
	}
	return results, nil
}

// Try finds out whether folder can be written, by a file that it makes and removes again. Where the folder is not there it tries
// in what is, and makes nothing.
func Try(folder string) error {
	dir := filepath.Clean(folder)
	for {
		_, err := os.Stat(dir)
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	file, err := os.CreateTemp(dir, ".trustbridge-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", folder, err)
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// look compares what is there with what should be.
func look(root *os.Root, f File) (State, error) {
	info, err := root.Lstat(f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Written, nil
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", errors.New("something that is no file is in the way; remove it")
	}
	there, err := root.ReadFile(f.Path)
	switch {
	case err != nil:
		return "", err
	case bytes.Equal(there, f.Content):
		return Unchanged, nil
	case filledIn(there, f):
		return Filled, nil
	}
	return Replaced, nil
}

// filledIn is true if there is f's content with at least one hole filled in, on one line each.
func filledIn(there []byte, f File) bool {
	if len(f.Holes) == 0 {
		return false
	}
	pattern := regexp.QuoteMeta(string(f.Content))
	for _, hole := range f.Holes {
		pattern = strings.ReplaceAll(pattern, regexp.QuoteMeta(hole), `[A-Za-z0-9_.:/@+=,-]+`)
	}
	return regexp.MustCompile(`\A` + pattern + `\z`).Match(there)
}

// put writes a file beside its place and then moves it there, so that nobody sees half of it.
func put(root *os.Root, f File) (err error) {
	if dir := path.Dir(f.Path); dir != "." {
		if err := root.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	mode := f.Mode
	if mode == 0 {
		mode = 0o644
	}
	temporary := f.Path + ".new"
	if err := root.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, bytes.NewReader(f.Content))
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = root.Rename(temporary, f.Path)
	}
	if err != nil {
		return errors.Join(err, root.Remove(temporary))
	}
	return nil
}

// Read is the content of a file of the folder that its owner alone may read, nil if it is not there.
func Read(folder, name string) (content []byte, err error) {
	root, err := os.OpenRoot(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the folder: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	info, err := root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", path.Join(folder, name), err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("read %s: it is no file", path.Join(folder, name))
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("read %s: others may read it (mode %04o); if nobody did, chmod 600 it", path.Join(folder, name), info.Mode().Perm())
	}
	return root.ReadFile(name)
}
