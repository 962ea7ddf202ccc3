package btp

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// readLayout reads a folder back by the rules of its form, as strings by their names.
func readLayout(t *testing.T, l Layout, folder string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "..") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(content)
	}
	_, metadata := files[".metadata"]
	if want := l == MetadataFiles || l == MetadataContainer; metadata != want {
		t.Errorf("%v: .metadata is there: %v, want %v", l, metadata, want)
	}
	open := func(name string) {
		var values map[string]string // strings only, tags too
		if err := json.Unmarshal([]byte(files[name]), &values); err != nil {
			t.Fatalf("%v: %s: %v", l, name, err)
		}
		delete(files, name)
		maps.Copy(files, values)
	}
	switch l {
	case MetadataContainer:
		open("credentials.json")
	case SAPSecretKey:
		open("credentials")
	case SAPSecretRootKey, SAPSecretBoth:
		if len(files) != 1 {
			t.Errorf("%v: %d files, want one", l, len(files))
		}
		open("binding")
		if l == SAPSecretBoth {
			open("credentials")
		}
	}
	return files
}

func TestLayouts(t *testing.T) {
	s := newServer(t)
	for _, x509 := range []bool{false, true} {
		b, err := s.Bind(BindingOptions{Name: "orders", X509: x509})
		if err != nil {
			t.Fatal(err)
		}
		var want map[string]string
		if err := json.Unmarshal(b.ServiceKey("https://btp.example"), &want); err != nil {
			t.Fatal(err)
		}
		for _, l := range Layouts() {
			root := t.TempDir()
			folder, err := b.Write(root, l, "https://btp.example")
			if err != nil {
				t.Fatal(err)
			}
			place := filepath.Join(root, "orders")
			if strings.HasPrefix(l.String(), "sapbtp") {
				place = filepath.Join(root, "destination", "orders")
			}
			if folder != place {
				t.Errorf("%v is at %s, want %s", l, folder, place)
			}
			got := readLayout(t, l, folder)
			for name, value := range want {
				if got[name] != value {
					t.Errorf("%v: %s = %q, want %q", l, name, got[name], value)
				}
			}
			if got["type"] != "destination" || got["tags"] != `["destination","conn","connsvc"]` || got["instance_name"] != "orders" {
				t.Errorf("%v: type %q, tags %q, instance %q", l, got["type"], got["tags"], got["instance_name"])
			}
		}
	}
	if _, err := s.main.Write(t.TempDir(), 0, "https://btp.example"); err == nil {
		t.Error("Write with no layout = nil, want an error")
	}
}

// TestMetadataIsThatOfTheOperator compares with what the fixtures show of it.
func TestMetadataIsThatOfTheOperator(t *testing.T) {
	s := newServer(t)
	type metadata struct {
		MetaDataProperties, CredentialProperties []property
	}
	for l, fixture := range map[Layout]string{MetadataFiles: "secret", MetadataContainer: "container"} {
		folder, err := s.main.Write(t.TempDir(), l, "https://btp.example")
		if err != nil {
			t.Fatal(err)
		}
		formats := func(path string) map[string]property {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var m metadata
			if err := json.Unmarshal(text, &m); err != nil {
				t.Fatal(err)
			}
			out := make(map[string]property)
			for _, p := range append(m.MetaDataProperties, m.CredentialProperties...) {
				out[p.Name] = p
			}
			return out
		}
		want := formats(filepath.Join("..", "..", "testdata", "sap-destination", "bindings", "service-binding-root", fixture, "orders-destination", ".metadata"))
		if diff := cmp.Diff(want, formats(filepath.Join(folder, ".metadata"))); diff != "" {
			t.Errorf("%v (-fixture +ours):\n%s", l, diff)
		}
	}
}

func TestMountSwapsGenerations(t *testing.T) {
	s := newServer(t)
	for _, l := range Layouts() {
		b, err := s.Bind(BindingOptions{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := b.Mount(t.TempDir(), l, "https://btp.example")
		if err != nil {
			t.Fatal(err)
		}
		target := func() string {
			target, err := os.Readlink(filepath.Join(m.Folder, "..data"))
			if err != nil {
				t.Fatal(err)
			}
			return target
		}
		first, before := target(), readLayout(t, l, m.Folder)
		if err := m.Rotate(); err != nil {
			t.Fatal(err)
		}
		second, after := target(), readLayout(t, l, m.Folder)
		if before["clientsecret"] == after["clientsecret"] || before["clientid"] == after["clientid"] {
			t.Errorf("%v: a rotation left the files as they were", l)
		}
		if len(before) != len(after) {
			t.Errorf("%v: %d values before, %d after", l, len(before), len(after))
		}
		if first == second || !strings.HasPrefix(second, "..20") {
			t.Errorf("%v: ..data moved from %q to %q, want to another generation", l, first, second)
		}
		if _, err := os.Stat(filepath.Join(m.Folder, first)); !os.IsNotExist(err) {
			t.Errorf("%v: the old generation is still there (%v)", l, err)
		}
		entries, err := os.ReadDir(m.Folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.Type()&os.ModeSymlink == 0 && e.Name() != second {
				t.Errorf("%v: %s is no link", l, e.Name())
			}
		}
	}
}

// newServer is a stand-in without a network.
func newServer(t *testing.T) *Server {
	t.Helper()
	p, err := pki()
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{PKI: p})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
