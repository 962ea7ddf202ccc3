package binding

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

const (
	// entriesMax bounds the files of a binding and the bindings of a root; real ones have about twenty.
	entriesMax = 256
	// readsMax is how often a root is read that changes while it is read.
	readsMax = 3
)

// generationLink is the link that Kubernetes swaps to show another generation of all files of a volume at once.
//
// Source: https://github.com/kubernetes/kubernetes/blob/master/pkg/volume/util/atomic_writer.go
const generationLink = "..data"

// folders looks at the bindings in a root.
func (l *look) folders(place, path string) {
	for reads := 1; ; reads++ {
		r := reading{place: place}
		err := r.root(path)
		if (r.vanished || errors.Is(err, fs.ErrNotExist)) && reads < readsMax {
			continue // a file was there a moment ago: the generation was swapped
		}
		switch {
		case errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errSwapped):
			place += " (does not exist)"
		case err != nil:
			// What is in it nobody knows, so that this is no proof that there is no binding.
			l.fail(&Error{Kind: Unreadable, Reason: place + " cannot be read; mount the folder of bindings there", Err: err})
			place += " (cannot be read: " + err.Error() + ")"
		case len(r.candidates)+len(r.skipped) == 0:
			place += " (no folders)"
		}
		l.places = append(l.places, place)
		if err == nil {
			l.candidates = append(l.candidates, r.candidates...)
		}
		l.skipped = append(l.skipped, r.skipped...)
		if r.unreadable != nil {
			l.fail(r.unreadable)
		}
		return
	}
}

// reading is one attempt to read a root.
type reading struct {
	look
	place    string
	vanished bool // something that was listed was not there
}

func (r *reading) root(path string) error {
	outer, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	defer func() { _ = outer.Close() }()
	return inGeneration(outer, ".", func(root *os.Root) error {
		names, err := entries(root)
		if err != nil {
			return err
		}
		for _, name := range names {
			if info, err := root.Stat(name); err == nil && !info.IsDir() {
				continue // a file beside the folders
			}
			r.folder(root, name)
		}
		return nil
	})
}

// folder looks at one folder of a root: a binding, or a service with its instances if it holds folders alone.
func (r *reading) folder(root *os.Root, name string) {
	known := len(r.candidates)
	err := inGeneration(root, name, func(dir *os.Root) error {
		files, folders, err := r.read(dir)
		if err != nil {
			return err
		}
		if len(files) > 0 || len(folders) == 0 {
			c, reason := parseFolder(files)
			r.add(c, name, reason)
			return nil
		}
		for _, instance := range folders {
			known := len(r.candidates)
			err := inGeneration(dir, instance, func(dir *os.Root) error {
				files, _, err := r.read(dir)
				if err != nil {
					return err
				}
				c, reason := parseLayered(files, name)
				r.add(c, name+"/"+instance, reason)
				return nil
			})
			r.cannotRead(name+"/"+instance, err, known)
		}
		return nil
	})
	r.cannotRead(name, err, known)
}

// add takes a candidate, or keeps the reason why the folder is none.
func (r *reading) add(c candidate, folder, reason string) {
	if reason != "" {
		r.skipped = append(r.skipped, fmt.Sprintf("%q in %s (%s)", folder, r.place, reason))
		return
	}
	c.place, c.folder = r.place, folder[strings.LastIndexByte(folder, '/')+1:]
	r.candidates = append(r.candidates, c)
}

// cannotRead keeps that a folder could not be read, and drops what was found in it after the known candidates. It may be the
// binding, so that this is no proof that there is none.
func (r *reading) cannotRead(folder string, err error, known int) {
	if err == nil {
		return
	}
	r.candidates = r.candidates[:known]
	r.vanished = r.vanished || errors.Is(err, fs.ErrNotExist)
	r.skipped = append(r.skipped, fmt.Sprintf("%q in %s (%v)", folder, r.place, err))
	r.fail(&Error{Kind: Unreadable, Reason: fmt.Sprintf("folder %q in %s cannot be read; mount the binding's secret as it is", folder, r.place), Err: err})
}

// errSwapped is what was read of a generation that was replaced meanwhile: its files may have gone one by one.
var errSwapped = fmt.Errorf("it changed while it was read: %w", fs.ErrNotExist)

// inGeneration opens a folder inside root, once, as the generation that it shows now, so that all files read in f are of that one.
// It fails if another took its place before f ended, since Kubernetes then removes the old one. Links that lead out of root
// are refused.
func inGeneration(root *os.Root, name string, f func(*os.Root) error) error {
	dir, err := root.OpenRoot(name)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	before, err := dir.Readlink(generationLink)
	if err != nil {
		return f(dir)
	}
	generation, err := dir.OpenRoot(generationLink)
	if err != nil {
		return err
	}
	defer func() { _ = generation.Close() }()
	err = f(generation)
	if after, errAfter := dir.Readlink(generationLink); errAfter != nil || after != before {
		return errSwapped
	}
	return err
}

// entries is the names in a folder without those of Kubernetes, in the order of the alphabet.
func entries(root *os.Root) ([]string, error) {
	d, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	names, err := d.Readdirnames(entriesMax + 1)
	switch {
	case len(names) > entriesMax:
		return nil, fmt.Errorf("it holds more than %d files and folders", entriesMax)
	case err != nil && len(names) > 0:
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "..") })
	slices.Sort(names)
	return names, nil
}

// read reads all regular files of a folder, and names its folders.
func (r *reading) read(dir *os.Root) (files map[string][]byte, folders []string, err error) {
	names, err := entries(dir)
	if err != nil {
		return nil, nil, err
	}
	files = make(map[string][]byte)
	total := 0
	for _, name := range names {
		info, err := dir.Stat(name)
		if err != nil {
			return nil, nil, err
		}
		if info.IsDir() {
			folders = append(folders, name)
		}
		if !info.Mode().IsRegular() {
			continue
		}
		f, err := dir.Open(name)
		if err != nil {
			return nil, nil, err
		}
		content, err := readAll(f)
		_ = f.Close()
		if err != nil {
			return nil, nil, fmt.Errorf("file %s: %w", name, err)
		}
		if total += len(content); total > contentMaxBytes {
			return nil, nil, errors.New("its files are together larger than 1 MiB")
		}
		files[name] = content
	}
	return files, folders, nil
}
