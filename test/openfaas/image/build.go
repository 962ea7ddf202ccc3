package image

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Options are what Build works with.
type Options struct {
	// Context is the folder that COPY copies from, with the Dockerfile in it.
	Context string
	// Folder is where the stages go; it must be empty and is the caller's to remove.
	Folder string
	// Args are the build's arguments; a stage sees those that it declares.
	Args map[string]string
	// Environment is what RUN lines see besides ENV and ARG: what a fresh container would have.
	Environment []string
	// Output gets what RUN lines write.
	Output io.Writer
}

// Image is what was built.
type Image struct {
	// Root is the folder that holds its files.
	Root string
	// User and Group are by number.
	User, Group uint32
	// Entrypoint is the program and its arguments.
	Entrypoint []string
}

// stage is a part of the build.
type stage struct {
	root, workdir string
	// scratch tells that nothing is in it but what was copied; else this machine's files stand for those of its base.
	scratch     bool
	environment []string
}

// path is where a path of the stage is; relative ones start at its working folder.
func (s *stage) path(p string) string {
	if !filepath.IsAbs(p) {
		p = filepath.Join(s.workdir, p)
	}
	return filepath.Join(s.root, p)
}

// builder is a build under way.
type builder struct {
	Options
	stages map[string]*stage
	now    *stage
	image  Image
}

// Build follows the Dockerfile in the context's root. The tag of a golang image chooses the toolchain of its stage.
func Build(ctx context.Context, o Options) (*Image, error) {
	text, err := os.ReadFile(filepath.Join(o.Context, "Dockerfile"))
	if err != nil {
		return nil, err
	}
	instructions, err := Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("Dockerfile: %w", err) //nolint:staticcheck // the file's name
	}
	b := &builder{Options: o, stages: map[string]*stage{}}
	for _, i := range instructions {
		if err := b.follow(ctx, i); err != nil {
			return nil, fmt.Errorf("Dockerfile, line %d: %s %s: %w", i.Line, i.Name, i.Rest, err) //nolint:staticcheck // the file's name
		}
	}
	if !b.now.scratch || len(b.image.Entrypoint) == 0 {
		return nil, fmt.Errorf("the last stage of the Dockerfile is not from scratch, or has no ENTRYPOINT")
	}
	b.image.Root = b.now.root
	return &b.image, nil
}

func (b *builder) follow(ctx context.Context, i Instruction) error {
	if b.now == nil && i.Name != "FROM" {
		return fmt.Errorf("comes before FROM")
	}
	switch i.Name {
	case "FROM":
		return b.from(strings.Fields(i.Rest))
	case "WORKDIR":
		b.now.workdir = i.Rest
		return os.MkdirAll(b.now.path("."), 0o750)
	case "ENV":
		b.now.environment = append(b.now.environment, assignments(i.Rest)...)
	case "ARG":
		if value, set := b.Args[i.Rest]; set {
			b.now.environment = append(b.now.environment, i.Rest+"="+value)
		}
	case "COPY":
		return b.copy(strings.Fields(i.Rest))
	case "RUN":
		cmd := exec.CommandContext(ctx, "sh", "-c", i.Rest) //nolint:gosec // our own Dockerfile
		cmd.Dir, cmd.Env = b.now.path("."), append(append([]string{}, b.Environment...), b.now.environment...)
		cmd.Stdout, cmd.Stderr = b.Output, b.Output
		return cmd.Run()
	case "USER":
		return b.user(i.Rest)
	case "ENTRYPOINT":
		return json.Unmarshal([]byte(i.Rest), &b.image.Entrypoint) // the form that needs no shell
	case "EXPOSE": // says nothing to an engine
	}
	return nil
}

// from begins a stage: FROM [--platform=…] BASE [AS NAME].
func (b *builder) from(words []string) error {
	if strings.HasPrefix(words[0], "--platform=") {
		words = words[1:]
	}
	name := strconv.Itoa(len(b.stages))
	if len(words) == 3 && strings.EqualFold(words[1], "AS") {
		name = words[2]
	}
	s := &stage{root: filepath.Join(b.Folder, name), workdir: "/", scratch: words[0] == "scratch"}
	if version, found := strings.CutPrefix(words[0], "golang:"); found {
		s.environment = []string{"GOTOOLCHAIN=go" + version}
	} else if !s.scratch {
		return fmt.Errorf("only golang and scratch are known here")
	}
	b.stages[name], b.now = s, s
	b.image = Image{}
	return os.MkdirAll(s.root, 0o755) //nolint:gosec // the user of the image must get in
}

// copy is COPY [--from=STAGE] SOURCE… TARGET.
func (b *builder) copy(words []string) error {
	source := func(p string) string { return filepath.Join(b.Context, p) }
	if name, found := strings.CutPrefix(words[0], "--from="); found {
		from := b.stages[name]
		if from == nil {
			return fmt.Errorf("there is no stage %s", name)
		}
		words = words[1:]
		source = func(p string) string {
			if own := from.path(p); from.scratch || exists(own) {
				return own
			}
			return p // of the base: this machine's
		}
	}
	last := len(words) - 1
	for _, word := range words[:last] {
		from, target := source(word), b.now.path(words[last])
		if info, err := os.Stat(from); err == nil && !info.IsDir() && strings.HasSuffix(words[last], "/") {
			target = filepath.Join(target, filepath.Base(word)) // of a folder, its content is copied
		}
		if err := copyTree(from, target); err != nil {
			return err
		}
	}
	return nil
}

// user is USER NUMBER:NUMBER; names would need a file of users in the image.
func (b *builder) user(text string) error {
	for i, part := range strings.SplitN(text, ":", 2) {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return fmt.Errorf("want numbers: %w", err)
		}
		*[]*uint32{&b.image.User, &b.image.Group}[i] = uint32(n)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// copyTree copies a file or a folder. Folders can be entered by everyone.
func copyTree(source, target string) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil { //nolint:gosec // the user of the image must get in
		return err
	}
	if info.IsDir() {
		if err := os.MkdirAll(target, 0o755); err != nil { //nolint:gosec // as above
			return err
		}
		return os.CopyFS(target, os.DirFS(source))
	}
	content, err := os.ReadFile(source) //nolint:gosec // named by the Dockerfile
	if err != nil {
		return err
	}
	return os.WriteFile(target, content, info.Mode().Perm()) //nolint:gosec // as above
}
