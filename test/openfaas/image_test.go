package openfaas

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/openfaas/go-sdk/builder"

	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/openfaas/image"
	"github.com/trustbridge/trustbridge/test/openfaas/manifest"
	"github.com/trustbridge/trustbridge/test/openfaas/provider"
)

// TestContext is what the Dockerfile can rely on.
func TestContext(t *testing.T) {
	s, err := manifest.Load("stack.yml")
	if err != nil {
		t.Fatal(err)
	}
	made, err := builder.CreateBuildContext("publish-sns", s.Functions["publish-sns"].Handler, "dockerfile", s.StackConfiguration.CopyExtraPaths, builder.WithBuildDir(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	entries, err := os.ReadDir(made)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		got = append(got, e.Name())
	}
	// What is in the handler's folder stands at the root, so the functions are there twice; the Dockerfile takes the copies.
	want := []string{"Dockerfile", "functions", "go.mod", "go.sum", "invoke-lambda", "publish-sns", "shared", "store-dynamodb"}
	if !slices.Equal(got, want) {
		t.Errorf("the build context has %v, want %v", got, want)
	}
}

// TestImages holds what each image is to what stack.yml and Kubernetes expect of it.
func TestImages(t *testing.T) {
	built, err := images()
	if err != nil {
		t.Fatal(err)
	}
	ours, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range local.Functions() {
		i := built[name]
		if i.User != 65532 || i.Group != 65532 {
			t.Errorf("%s runs as %d:%d, want 65532:65532", name, i.User, i.Group)
		}
		var files []string
		for _, path := range []string{".", "etc/ssl/certs"} {
			entries, err := os.ReadDir(filepath.Join(i.Root, path))
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				files = append(files, e.Name())
			}
		}
		if want := []string{"etc", "function", "ca-certificates.crt"}; !slices.Equal(files, want) {
			t.Errorf("%s has %v, want %v and nothing else", name, files, want)
		}
		if ca, err := os.ReadFile(filepath.Join(i.Root, "etc/ssl/certs/ca-certificates.crt")); err != nil || !bytes.Equal(ca, ours) {
			t.Errorf("%s does not have the CA certificates of its base (%v)", name, err)
		}
		size := checkStatic(t, i, elf.EM_X86_64, elf.EM_AARCH64)
		say(t, "%-15s %4.1f MB, static, user %d:%d, nothing else but CA certificates", name, float64(size)/1e6, i.User, i.Group)
	}
}

// checkStatic wants a program without an interpreter and libraries, for one of these machines, and returns its size.
func checkStatic(t *testing.T, i *image.Image, machines ...elf.Machine) int64 {
	t.Helper()
	path := filepath.Join(i.Root, i.Entrypoint[0])
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	libraries, err := f.ImportedLibraries()
	if err != nil || len(libraries) > 0 || slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Errorf("%s is not static: it wants %v (%v)", path, libraries, err)
	}
	if !slices.Contains(machines, f.Machine) {
		t.Errorf("%s is for %v, want %v", path, f.Machine, machines)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// TestImageOfAnotherArchitecture builds as BuildKit would for arm64.
func TestImageOfAnotherArchitecture(t *testing.T) {
	s, err := manifest.Load("stack.yml")
	if err != nil {
		t.Fatal(err)
	}
	i, err := build(s, "publish-sns", map[string]string{"FUNCTION": "publish-sns", "TARGETOS": "linux", "TARGETARCH": "arm64"})
	if err != nil {
		t.Fatal(err)
	}
	checkStatic(t, i, elf.EM_AARCH64)
}

func TestBuildWithoutFunctionSaysWhatIsMissing(t *testing.T) {
	s, err := manifest.Load("stack.yml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := build(s, "publish-sns", nil); err == nil || !strings.Contains(err.Error(), "publish-sns, store-dynamodb or invoke-lambda") {
		t.Errorf("build without FUNCTION = %v, want the possible names", err)
	}
}

// TestToolchain holds the Dockerfile's toolchain to go.mod's: the official image does not fetch another.
func TestToolchain(t *testing.T) {
	module, err := exec.Command("go", "mod", "edit", "-print").Output()
	if err != nil {
		t.Fatal(err)
	}
	_, version, found := strings.Cut(string(module), "\ntoolchain go")
	version, _, _ = strings.Cut(version, "\n")
	dockerfile, err := os.ReadFile("functions/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	if !found || !strings.Contains(string(dockerfile), " golang:"+version+" AS build\n") {
		t.Errorf("functions/Dockerfile does not build with golang:%s, the toolchain of go.mod", version)
	}
}

// TestEverySettingIsKnown asks the functions themselves which settings they have: a typo in stack.yml would have no effect.
func TestEverySettingIsKnown(t *testing.T) {
	built, err := images()
	if err != nil {
		t.Fatal(err)
	}
	s, err := manifest.Load("stack.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range local.Functions() {
		help, err := provider.Run(t.Context(), built[name], "-help")
		if err != nil {
			t.Fatal(err)
		}
		known := func(setting string) bool {
			return strings.Contains(help, "\n  "+setting+"\n") || strings.Contains(help, "\n  "+setting+" (")
		}
		for setting := range s.Functions[name].Environment {
			if !known(setting) {
				t.Errorf("stack.yml sets %s of %s, which has no such setting", setting, name)
			}
		}
		if known("read_timeout") || known("REQUEST_TIMEOUTS") || !strings.Contains(help, "\n  PORT ("+manifest.Port+")\n") {
			t.Errorf("%s -help is not as this test reads it, or its PORT is not %s by default:\n%s", name, manifest.Port, help)
		}
	}
}
