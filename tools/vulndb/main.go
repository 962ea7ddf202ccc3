// Command vulndb writes a local Go vulnerability database for govulncheck (-db file://DIR) from the reports in the module
// golang.org/x/vulndb, which go.mod pins. The public database cannot be reached from everywhere; a module proxy can.
//
//	go run ./vulndb DIR
//
// Source: https://go.dev/doc/security/vuln/database#api (version 1: index/db.json, index/modules.json, ID/*.json).
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "vulndb:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: vulndb DIR")
	}
	module, err := reports("golang.org/x/vulndb")
	if err != nil {
		return err
	}
	n, err := build(filepath.Join(module.Dir, "data", "osv"), args[0], module.Version)
	if err != nil {
		return err
	}
	fmt.Printf("vulndb: %d reports of %s\n", n, module.Version)
	return nil
}

type download struct{ Dir, Version, Error string }

// reports downloads the module at the version that go.mod pins and says where it lies.
func reports(module string) (download, error) {
	var d download
	out, err := exec.Command("go", "mod", "download", "-json", module).Output()
	if jsonErr := json.Unmarshal(out, &d); jsonErr == nil && d.Error != "" {
		return d, fmt.Errorf("download %s: %s", module, d.Error)
	}
	if err != nil {
		return d, fmt.Errorf("download %s: %w", module, err)
	}
	return d, nil
}

// report is what the index needs of an OSV entry.
type report struct {
	ID       string    `json:"id"`
	Modified time.Time `json:"modified"`
	Affected []struct {
		Package struct {
			Name string `json:"name"`
		} `json:"package"`
	} `json:"affected"`
}

type moduleIndex struct {
	Path  string       `json:"path"`
	Vulns []moduleVuln `json:"vulns"`
}

// moduleVuln has no "fixed": govulncheck then reads the entry itself, which is exact.
type moduleVuln struct {
	ID       string    `json:"id"`
	Modified time.Time `json:"modified"`
}

// build writes the database for the reports in from to the folder to and gives their number. If to was built from the same
// version before, it does nothing. version.txt is written last: a database without it is not whole.
func build(from, to, version string) (int, error) {
	stamp := filepath.Join(to, "version.txt")
	files, err := filepath.Glob(filepath.Join(from, "*.json"))
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("no reports in %s", from)
	}
	if was, err := os.ReadFile(stamp); err == nil && string(was) == version {
		return len(files), nil
	}
	for _, folder := range []string{"ID", "index"} {
		if err := os.MkdirAll(filepath.Join(to, folder), 0o755); err != nil {
			return 0, err
		}
	}
	var latest time.Time
	modules := map[string]*moduleIndex{} // :: module path → its reports
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		var r report
		if err := json.Unmarshal(body, &r); err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
		if r.Modified.After(latest) {
			latest = r.Modified
		}
		for _, a := range r.Affected {
			m := modules[a.Package.Name]
			if m == nil {
				m = &moduleIndex{Path: a.Package.Name}
				modules[a.Package.Name] = m
			}
			if !slices.ContainsFunc(m.Vulns, func(v moduleVuln) bool { return v.ID == r.ID }) {
				m.Vulns = append(m.Vulns, moduleVuln{ID: r.ID, Modified: r.Modified})
			}
		}
		if err := os.WriteFile(filepath.Join(to, "ID", r.ID+".json"), body, 0o644); err != nil {
			return 0, err
		}
	}
	index := make([]*moduleIndex, 0, len(modules))
	for _, m := range modules {
		index = append(index, m)
	}
	slices.SortFunc(index, func(a, b *moduleIndex) int { return strings.Compare(a.Path, b.Path) })
	if err := writeJSON(filepath.Join(to, "index", "db.json"), map[string]time.Time{"modified": latest}); err != nil {
		return 0, err
	}
	if err := writeJSON(filepath.Join(to, "index", "modules.json"), index); err != nil {
		return 0, err
	}
	return len(files), os.WriteFile(stamp, []byte(version), 0o644)
}

func writeJSON(file string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(file, body, 0o644)
}
