// Package test holds what sees more than one package. This file is the map of rooms, as a test.
package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/trustbridge/trustbridge/"

// rooms is the map: each package, what of ours it may import, and whether it may import AWS's packages. A package that is
// not here fails the test: give it its place first, here and in docs/DESIGN.md.
var rooms = map[string]struct {
	may []string
	aws bool
}{
	// The path of an event.
	"functions/publish-sns":    {may: []string{"shared/bridge", "shared/awscall", "shared/forward", "shared/cloudevent", "shared/telemetry"}, aws: true},
	"functions/store-dynamodb": {may: []string{"shared/bridge", "shared/awscall", "shared/forward", "shared/cloudevent", "shared/cloudevent/rawjson", "shared/telemetry"}, aws: true},
	"functions/invoke-lambda":  {may: []string{"shared/bridge", "shared/awscall", "shared/forward", "shared/cloudevent", "shared/telemetry"}, aws: true},
	"shared/bridge": {may: []string{
		"shared/ingress", "shared/ingress/auth", "shared/forward", "shared/awscall", "shared/telemetry",
		"shared/rolesanywhere", "shared/destination", "shared/binding",
	}, aws: true},
	"shared/awscall":            {may: []string{"shared/forward"}, aws: true},
	"shared/ingress":            {may: []string{"shared/forward", "shared/cloudevent", "shared/cloudevent/rawjson", "shared/telemetry"}},
	"shared/ingress/auth":       {may: []string{"shared/ingress", "shared/telemetry"}},
	"shared/forward":            {may: []string{"shared/telemetry"}},
	"shared/forward/sinktest":   {may: []string{"shared/forward", "test/virtual"}},
	"shared/cloudevent":         {may: []string{"shared/cloudevent/rawjson"}},
	"shared/cloudevent/rawjson": {},
	// The identity beside it.
	"shared/rolesanywhere": {may: []string{"shared/keystore", "shared/telemetry"}, aws: true},
	"shared/destination":   {may: []string{"shared/keystore", "shared/binding", "shared/telemetry"}},
	"shared/keystore":      {},
	"shared/binding":       {},
	"shared/telemetry":     {},
	// The operator's tool.
	"cmd/trustbridge": {may: []string{
		"cmd/trustbridge/internal/", "deploy/aws", "shared/binding", "shared/destination", "shared/keystore", "shared/rolesanywhere", "shared/telemetry",
	}},
	// How it ships.
	"deploy/aws": {},
	"deploy/btp": {},
	// How we know.
	"test/virtual":   {},
	"test/configdoc": {may: []string{"shared/bridge"}},
	"test/sinkstage": {may: []string{
		"shared/awscall", "shared/bridge", "shared/forward/sinktest", "shared/keystore", "shared/rolesanywhere", "shared/telemetry",
		"test/local", "test/local/aws", "test/local/btp", "test/virtual",
	}, aws: true},
	"test/local":                 {may: []string{"deploy/aws", "test/local/aws", "test/local/btp"}, aws: true},
	"test/local/aws":             {may: []string{"test/local/aws/internal/"}, aws: true},
	"test/local/btp":             {may: []string{"test/local/btp/internal/"}},
	"test/local/btp/senders":     {},
	"test/local/cmd/local":       {may: []string{"test/local", "test/local/aws", "test/local/btp"}},
	"test/local/cmd/lambda-echo": {aws: true},
	"test/bench":                 {may: []string{"test/bench/internal/", "test/local/btp"}, aws: true},
	"test/demo":                  {may: []string{"deploy/btp", "test/local", "test/local/btp/senders"}, aws: true},
	"test":                       {},
	"test/e2e":                   {},
}

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath                string
	Name                      string
	Imports, TestImports      []string
	XTestImports, Deps        []string
	GoFiles                   []string
	TestGoFiles, XTestGoFiles []string
	Doc                       string
}

func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json"}, args...)...)
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v\n%s", args, err, stderr.String())
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// ours is the path within the module, and whether it is in it.
func ours(path string) (string, bool) { return strings.CutPrefix(path, module) }

func isAWS(path string) bool {
	return strings.HasPrefix(path, "github.com/aws/")
}

func allowed(may []string, path string) bool {
	return slices.ContainsFunc(may, func(m string) bool {
		return m == path || strings.HasSuffix(m, "/") && strings.HasPrefix(path, m)
	})
}

func TestMapOfRooms(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range list(t, "./...") {
		name, _ := ours(p.ImportPath)
		if strings.Contains(name, "/internal/") {
			continue // parts of the room around them, which alone can import them
		}
		seen[name] = true
		room, found := rooms[name]
		if !found {
			t.Errorf("%s is not on the map: give it its place in test/arch_test.go and docs/DESIGN.md", name)
			continue
		}
		for _, i := range p.Imports {
			if path, ok := ours(i); ok && !allowed(room.may, path) {
				t.Errorf("%s imports %s, which its room may not", name, path)
			}
			if isAWS(i) && !room.aws {
				t.Errorf("%s imports %s: only sinks, awscall, bridge and rolesanywhere know AWS", name, i)
			}
		}
	}
	for name := range rooms {
		if !seen[name] {
			t.Errorf("%s is on the map and does not exist", name)
		}
	}
}

// TestInternalsKeepTheRulesOfTheirRoom holds what is inside a room to what the room may import.
func TestInternalsKeepTheRulesOfTheirRoom(t *testing.T) {
	for _, p := range list(t, "./...") {
		name, _ := ours(p.ImportPath)
		outer, _, found := strings.Cut(name, "/internal/")
		if !found {
			continue
		}
		room := rooms[outer]
		for _, i := range p.Imports {
			if path, ok := ours(i); ok && !allowed(room.may, path) {
				t.Errorf("%s imports %s, which its room may not", name, path)
			}
			if isAWS(i) && !room.aws {
				t.Errorf("%s imports %s, which its room may not", name, i)
			}
		}
	}
}

// TestStandInIsIndependent: the stand-in's verifiers would prove nothing if they shared code with the signer.
func TestStandInIsIndependent(t *testing.T) {
	for _, p := range list(t, "-deps", "./test/local/aws/...", "./test/local/btp/...") {
		if path, ok := ours(p.ImportPath); ok && strings.HasPrefix(path, "shared/") {
			t.Errorf("the stand-in links %s", path)
		}
	}
}

// TestNoFunctionLinksTheStandIn: what is for tests stays out of what runs.
func TestNoFunctionLinksTheStandIn(t *testing.T) {
	n := 0
	for _, p := range list(t, "-deps", "./functions/...") {
		n++
		if path, ok := ours(p.ImportPath); ok && strings.HasPrefix(path, "test/") || p.ImportPath == "testing" {
			t.Errorf("a function links %s", p.ImportPath)
		}
		if p.ImportPath == "github.com/cloudevents/sdk-go/v2/client" || strings.HasPrefix(p.ImportPath, "go.uber.org/zap") {
			t.Errorf("a function links %s: the SDK's receiver is not used", p.ImportPath)
		}
	}
	if n < 100 {
		t.Errorf("go list -deps named %d packages, want all that a function links", n)
	}
}

func TestEveryPackageHasTestsAndADoc(t *testing.T) {
	for _, p := range list(t, "./...") {
		name, _ := ours(p.ImportPath)
		if len(p.GoFiles) == 0 {
			continue
		}
		if len(p.TestGoFiles)+len(p.XTestGoFiles) == 0 {
			t.Errorf("%s has no test beside it", name)
		}
		if p.Doc == "" {
			t.Errorf("%s has no package comment", name)
		}
	}
}

// TestFilesAreShort: one noun a file. A main.go has the wiring only.
func TestFilesAreShort(t *testing.T) {
	const most, mostMain = 400, 60
	err := filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "bin" || d.Name() == ".cache") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		limit := most
		if d.Name() == "main.go" && strings.Contains(filepath.ToSlash(path), "functions/") {
			limit = mostMain
		}
		if n := bytes.Count(body, []byte("\n")); n > limit {
			t.Errorf("%s has %d lines, at most %d", path, n, limit)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestDesignNamesEveryRoom holds the map of docs/DESIGN.md to the one above.
func TestDesignNamesEveryRoom(t *testing.T) {
	design, err := os.ReadFile("../docs/DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range rooms {
		if !bytes.Contains(design, fmt.Appendf(nil, "| `%s` |", name)) {
			t.Errorf("docs/DESIGN.md does not have %s on its map", name)
		}
	}
	for line := range strings.Lines(string(design)) {
		name, found := strings.CutPrefix(line, "| `")
		if !found {
			continue
		}
		name, _, _ = strings.Cut(name, "`")
		_, onMap := rooms[name]
		_, ownModule := os.Stat(filepath.Join("..", name, "go.mod")) // which `go list` does not see from here
		if !onMap && ownModule != nil && !strings.Contains(name, ".") {
			t.Errorf("docs/DESIGN.md has %s on its map, which does not exist", name)
		}
	}
}
