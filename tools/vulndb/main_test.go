package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func TestBuild(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	report := `{"id":"GO-2024-0001","modified":"2024-01-02T03:04:05Z","affected":[{"package":{"name":"example.com/m"}},{"package":{"name":"example.com/m"}}]}`
	if err := os.WriteFile(filepath.Join(from, "GO-2024-0001.json"), []byte(report), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := build(from, to, "v1"); n != 1 || err != nil {
		t.Fatalf("build() = %d, %v, want 1 report", n, err)
	}
	body, err := os.ReadFile(filepath.Join(to, "index", "modules.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index []moduleIndex
	if err := json.Unmarshal(body, &index); err != nil {
		t.Fatal(err)
	}
	if len(index) != 1 || index[0].Path != "example.com/m" || len(index[0].Vulns) != 1 || index[0].Vulns[0].ID != "GO-2024-0001" {
		t.Errorf("modules.json = %s, want the one report of the one module, once", body)
	}
	if entry, err := os.ReadFile(filepath.Join(to, "ID", "GO-2024-0001.json")); string(entry) != report {
		t.Errorf("the entry = %s (%v), want the report as it is", entry, err)
	}
}

func TestBuildWithoutReports(t *testing.T) {
	if _, err := build(t.TempDir(), t.TempDir(), "v1"); err == nil {
		t.Error("build() of an empty folder = nil, want an error: a check against no reports would always pass")
	}
}
