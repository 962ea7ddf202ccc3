// Command ko builds the images of the functions with ko, as make images does: for amd64 and arm64, each with an SBOM, the same
// bytes for the same commit.
//
//	go run . [-folder ../../.cache/images] [function…]
//
// With KO_DOCKER_REPO set it pushes them there, on the base that KO_DEFAULTBASEIMAGE names or else ko chooses. Without, it
// needs no registry: the base is made here, of this machine's CA certificates and the user 65532, and the images are written to
// the folder as OCI layouts, to look at or to copy with tools such as crane and skopeo.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// functions are what is built if nothing is said.
func functions() []string { return []string{"publish-sns", "store-dynamodb", "invoke-lambda"} }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr) //nolint:forbidigo // the program of its own
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "make images:", err)
		os.Exit(1) //nolint:forbidigo // the program of its own
	}
}

func run(ctx context.Context, args, environment []string, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("images", flag.ContinueOnError)
	source := flags.String("source", "../..", "root of the repository")
	folder := flags.String("folder", "../../.cache/images", "where images and SBOMs go if KO_DOCKER_REPO is not set")
	if err := flags.Parse(args); err != nil {
		return err
	}
	wanted := flags.Args()
	if len(wanted) == 0 {
		wanted = functions()
	}
	if lookup(environment, "SOURCE_DATE_EPOCH") == "" {
		epoch, err := commitTime(ctx, *source)
		if err != nil {
			return err
		}
		environment = append(environment, "SOURCE_DATE_EPOCH="+epoch)
	}
	if lookup(environment, "KO_DOCKER_REPO") != "" {
		images, err := build(ctx, *source, wanted, environment, stderr)
		if err != nil {
			return err
		}
		for _, image := range images {
			fmt.Fprintln(stdout, image)
		}
		return nil
	}
	registry, err := startRegistry(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, registry.close()) }()
	if err := os.MkdirAll(*folder, 0o750); err != nil {
		return err
	}
	absolute, err := filepath.Abs(*folder)
	if err != nil {
		return err
	}
	images, err := build(ctx, *source, wanted, append(environment, registry.environment()...), stderr, append(registry.flags(), "--sbom-dir", absolute)...)
	if err != nil {
		return err
	}
	for i, image := range images {
		path := filepath.Join(*folder, wanted[i])
		digest, err := save(ctx, registry.reach(image), path)
		if err != nil {
			return fmt.Errorf("save %s: %w", image, err)
		}
		fmt.Fprintf(stdout, "%-15s %s  %s\n", wanted[i], digest, path)
	}
	fmt.Fprintln(stdout, "Nothing was pushed, and the base is this machine's CA certificates; set KO_DOCKER_REPO to push.")
	return nil
}

// build runs ko and returns the images' references, in the order of wanted.
func build(ctx context.Context, source string, wanted, environment []string, stderr io.Writer, flags ...string) ([]string, error) {
	tools, err := filepath.Abs(".")
	if err != nil {
		return nil, err
	}
	args := append([]string{"tool", "-modfile=" + filepath.Join(tools, "go.mod"), "ko", "build", "--base-import-paths", "--sbom=spdx"}, flags...)
	for _, f := range wanted {
		args = append(args, "./functions/"+f)
	}
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // our own arguments
	cmd.Dir, cmd.Env, cmd.Stderr = source, environment, stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("ko build: %w", err)
	}
	images := strings.Fields(string(out))
	ordered := make([]string, 0, len(images))
	for _, f := range wanted { // ko prints each when it is done
		for _, image := range images {
			if strings.Contains(image, "/"+f+"@") || strings.Contains(image, "/"+f+":") {
				ordered = append(ordered, image)
			}
		}
	}
	if len(ordered) != len(wanted) {
		return nil, fmt.Errorf("ko build: it printed %q, want an image of each of %v", images, wanted)
	}
	return ordered, nil
}

// save writes the image, all its platforms, as an OCI layout in the place of what is there, and returns its digest.
func save(ctx context.Context, image, folder string) (string, error) {
	ref, err := name.ParseReference(image)
	if err != nil {
		return "", err
	}
	index, err := remote.Index(ref, remote.WithContext(ctx))
	if err != nil {
		return "", err
	}
	if err := os.RemoveAll(folder); err != nil {
		return "", err
	}
	if _, err := layout.Write(folder, index); err != nil {
		return "", err
	}
	digest, err := index.Digest()
	return digest.String(), err
}

// commitTime is when the commit that is checked out was made, in seconds since 1970: the time of everything in the images.
func commitTime(ctx context.Context, source string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", "-C", source, "log", "-1", "--format=%ct").Output() //nolint:gosec // our own arguments
	if err != nil {
		return "", fmt.Errorf("read the time of the commit by git: %w; without git set SOURCE_DATE_EPOCH", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// lookup is a variable of an environment, "" if it is not set; of a name that stands twice the last wins.
func lookup(environment []string, name string) string {
	value := ""
	for _, line := range environment {
		if v, found := strings.CutPrefix(line, name+"="); found {
			value = v
		}
	}
	return value
}
