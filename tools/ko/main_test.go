package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// TestTwiceTheSame builds the images from a copy of the sources, and once more from a copy in another folder, and wants the same
// digests. Then it looks into them.
func TestTwiceTheSame(t *testing.T) {
	source, elsewhere := sources(t), filepath.Join(t.TempDir(), "elsewhere")
	if err := os.CopyFS(elsewhere, os.DirFS(source)); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "images")
	digests := func(source string) map[string]string {
		var out bytes.Buffer
		if err := run(t.Context(), []string{"-folder", folder, "-source", source}, append(environment(), "SOURCE_DATE_EPOCH="+epoch), &out, ifFailed(t)); err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		for _, m := range regexp.MustCompile(`(?m)^(\S+) +(sha256:\S+) `).FindAllStringSubmatch(out.String(), -1) {
			found[m[1]] = m[2]
		}
		return found
	}
	first := digests(source)
	if second := digests(elsewhere); !maps.Equal(first, second) || len(first) != len(functions()) {
		t.Errorf("built twice: %v and %v, want the same digests of %v", first, second, functions())
	}
	for _, function := range functions() {
		index, err := layout.ImageIndexFromPath(filepath.Join(folder, function))
		if err != nil {
			t.Fatal(err)
		}
		checkIndex(t, function, index)
		for _, of := range []string{"index", "linux-amd64", "linux-arm64"} {
			checkSBOM(t, filepath.Join(folder, function+"-"+of+".spdx.json"))
		}
		fmt.Fprintf(t.Output(), "%-15s built twice, in two folders, for amd64 and arm64, with SBOMs: %s\n", function, first[function])
	}
}

// environment is this process's, without what chooses a registry.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "KO_") }) //nolint:forbidigo // for the go command
}

// ifFailed keeps what ko says, and prints it if the test fails.
func ifFailed(t *testing.T) io.Writer {
	t.Helper()
	var said bytes.Buffer
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("ko said:\n%s", said.String())
		}
	})
	return &said
}

// epoch is the time of everything in the images of these tests.
const epoch = "1790000000"

// TestPush pushes to where KO_DOCKER_REPO says, on the base that KO_DEFAULTBASEIMAGE names.
func TestPush(t *testing.T) {
	registry, err := startRegistry(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := registry.close(); err != nil {
			t.Errorf("close the registry: %v", err)
		}
	}()
	settings := append(environment(), "KO_DOCKER_REPO="+registry.address+"/team", "KO_DEFAULTBASEIMAGE="+registry.base(), "SOURCE_DATE_EPOCH="+epoch)
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-source", sources(t), "publish-sns"}, settings, &out, ifFailed(t)); err != nil {
		t.Fatal(err)
	}
	pushed := strings.TrimSpace(out.String())
	if !strings.HasPrefix(pushed, registry.address+"/team/publish-sns@sha256:") && !strings.HasPrefix(pushed, registry.address+"/team/publish-sns:latest@sha256:") {
		t.Fatalf("pushed %q, want publish-sns below KO_DOCKER_REPO", pushed)
	}
	ref, err := name.ParseReference(pushed)
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(ref, remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	checkIndex(t, "publish-sns", index)
	checkSameAsDockerfile(t, index)
	if _, err := remote.Image(ref.Context().Tag(strings.Replace(ref.Identifier(), ":", "-", 1)+".sbom"), remote.WithContext(t.Context())); err != nil {
		t.Errorf("no SBOM was pushed: %v", err)
	}
}

// sources copies what ko needs, so that nothing changes between the builds.
func sources(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "sources")
	for _, part := range []string{"functions", "shared"} {
		if err := os.CopyFS(filepath.Join(folder, part), os.DirFS("../../"+part)); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"go.mod", "go.sum", ".ko.yaml"} {
		content, err := os.ReadFile("../../" + file)
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, file), content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// checkIndex looks at an image: platforms, user, program, certificates, times.
func checkIndex(t *testing.T, function string, index v1.ImageIndex) {
	t.Helper()
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	for _, m := range manifest.Manifests {
		machine, wanted := machines[m.Platform.Architecture]
		if delete(machines, m.Platform.Architecture); !wanted {
			t.Errorf("%s: there is an image for %v, or two", function, m.Platform)
		}
		image, err := index.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		checkImage(t, function, image, machine)
	}
	if len(machines) > 0 {
		t.Errorf("%s: there is none for %v", function, machines)
	}
}

func checkSBOM(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		SPDXVersion string            `json:"spdxVersion"`
		Packages    []json.RawMessage `json:"packages"`
	}
	if err := json.Unmarshal(content, &document); err != nil || !strings.HasPrefix(document.SPDXVersion, "SPDX-") || len(document.Packages) == 0 {
		t.Errorf("%s is %+v (%v), want an SBOM with packages", path, document, err)
	}
}

// checkSameAsDockerfile wants the program to be, byte by byte, the one that functions/Dockerfile's flags make.
func checkSameAsDockerfile(t *testing.T, index v1.ImageIndex) {
	t.Helper()
	dockerfile, err := os.ReadFile("../../functions/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	flags := regexp.MustCompile(`(?s)ENV CGO_ENABLED=0 GOFLAGS="([^"]+)".*go build -ldflags="([^"]+)"`).FindSubmatch(dockerfile)
	if flags == nil {
		t.Fatal("functions/Dockerfile has no flags where this test looks for them")
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range manifest.Manifests {
		path := filepath.Join(t.TempDir(), "function")
		cmd := exec.Command("go", "build", "-ldflags="+string(flags[2]), "-o", path, "./functions/publish-sns")
		cmd.Dir = "../.."
		cmd.Env = append(environment(), "CGO_ENABLED=0", "GOFLAGS="+string(flags[1]), "GOOS=linux", "GOARCH="+m.Platform.Architecture)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build: %v\n%s", err, out)
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		image, err := index.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if got := contents(t, image)["ko-app/publish-sns"]; !bytes.Equal(got, want) {
			t.Errorf("ko's program for %s is another one than functions/Dockerfile makes: %d bytes, want %d", m.Platform.Architecture, len(got), len(want))
		}
	}
}

// contents are the files of an image by path.
func contents(t *testing.T, image v1.Image) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	content := mutate.Extract(image)
	for r := tar.NewReader(content); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag == tar.TypeReg {
			if files[strings.TrimPrefix(header.Name, "/")], err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := content.Close(); err != nil {
		t.Fatal(err)
	}
	return files
}

// checkImage wants what functions/Dockerfile makes: a static program, CA certificates, user 65532.
func checkImage(t *testing.T, function string, image v1.Image, machine elf.Machine) {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	made := strconv.FormatInt(config.Created.Unix(), 10)
	if config.Config.User != user || made != epoch || !slices.Equal(config.Config.Entrypoint, []string{"/ko-app/" + function}) {
		t.Errorf("%s for %v: user %s, made %v, entrypoint %v; want user %s and the time of the commit", function, machine, config.Config.User,
			config.Created.UTC().Format(time.RFC3339), config.Config.Entrypoint, user)
	}
	files := contents(t, image)
	program, err := elf.NewFile(bytes.NewReader(files["ko-app/"+function]))
	if err != nil {
		t.Fatal(err)
	}
	libraries, err := program.ImportedLibraries()
	static := !slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
	if err != nil || program.Machine != machine || len(libraries) > 0 || !static {
		t.Errorf("%s: the program is for %v and wants %v (%v), want a static one for %v", function, program.Machine, libraries, err, machine)
	}
	if len(files[caPath]) == 0 {
		t.Errorf("%s for %v has no CA certificates", function, machine)
	}
}

func TestRunSaysWhatIsMissing(t *testing.T) {
	err := run(t.Context(), []string{"-source", t.TempDir()}, nil, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "set SOURCE_DATE_EPOCH") {
		t.Errorf("run() without git = %v, want what to do", err)
	}
}
