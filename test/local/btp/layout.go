package btp

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Layout is a form in which a binding is mounted as files.
type Layout int

// Where the folder of a binding is, and what is in it.
const (
	// MetadataFiles is ROOT/<name>/ with .metadata and a file a property: SERVICE_BINDING_ROOT as the operator writes it.
	MetadataFiles Layout = iota + 1
	// MetadataContainer is the same with all credentials in one JSON file (secretKey), which .metadata calls a container.
	MetadataContainer
	// PlainFiles is ROOT/<name>/ without .metadata, a file a property, and the file type: as servicebinding.io has it.
	PlainFiles
	// SAPFiles is ROOT/destination/<name>/ with a file a property: form (a) of /etc/secrets/sapbtp.
	SAPFiles
	// SAPSecretKey is the same with the credentials in one JSON file, the rest text: form (b).
	SAPSecretKey
	// SAPSecretRootKey is the same with one JSON file alone, in which every value is a string: form (c).
	SAPSecretRootKey
	// SAPSecretBoth is form (c) made with secretKey too: the credentials are JSON text inside.
	SAPSecretBoth
)

// Layouts are all of them.
func Layouts() []Layout {
	return []Layout{MetadataFiles, MetadataContainer, PlainFiles, SAPFiles, SAPSecretKey, SAPSecretRootKey, SAPSecretBoth}
}

// String names the layout.
func (l Layout) String() string {
	return map[Layout]string{ //nolint:gosec // names of layouts, no secrets
		MetadataFiles: "metadata files", MetadataContainer: "metadata container", PlainFiles: "plain files", SAPFiles: "sapbtp files",
		SAPSecretKey: "sapbtp secretKey", SAPSecretRootKey: "sapbtp secretRootKey", SAPSecretBoth: "sapbtp secretRootKey and secretKey",
	}[l]
}

// folder is where the files of a binding go.
func (l Layout) folder(root, name string) string {
	if l >= SAPFiles {
		return filepath.Join(root, "destination", name)
	}
	return filepath.Join(root, name)
}

type property struct {
	Name      string `json:"name"`
	Format    string `json:"format"`
	Container bool   `json:"container,omitempty"`
}

// files are the content of the folder.
func (b *Binding) files(l Layout, base string) (map[string][]byte, error) {
	credentials := b.properties(base)
	metadata := map[string]string{
		"instance_name": b.name, "instance_guid": instanceID, "plan": "lite", "label": "destination", "type": "destination",
		"tags": string(marshal(tags())),
	}
	out := make(map[string][]byte)
	put := func(values map[string]string) {
		for name, value := range values {
			out[name] = []byte(value)
		}
	}
	switch l {
	case MetadataFiles:
		put(credentials)
		put(metadata)
		out[".metadata"] = dotMetadata(metadata, names(credentials, "text"))
	case MetadataContainer:
		put(metadata)
		out["credentials.json"] = marshal(credentials)
		out[".metadata"] = dotMetadata(metadata, []property{{"credentials.json", "json", true}})
	case PlainFiles, SAPFiles:
		put(credentials)
		put(metadata)
	case SAPSecretKey:
		put(metadata)
		out["credentials"] = marshal(credentials)
	case SAPSecretRootKey:
		all := maps.Clone(credentials)
		maps.Copy(all, metadata)
		out["binding"] = marshal(all)
	case SAPSecretBoth:
		all := maps.Clone(metadata)
		all["credentials"] = string(marshal(credentials))
		out["binding"] = marshal(all)
	default:
		return nil, fmt.Errorf("write binding %s: no layout is %d", b.name, l)
	}
	return out, nil
}

func dotMetadata(metadata map[string]string, credentials []property) []byte {
	all := names(metadata, "text")
	for i := range all {
		if all[i].Name == "tags" {
			all[i].Format = "json"
		}
	}
	return marshal(map[string]any{"metaDataProperties": all, "credentialProperties": credentials})
}

func names(values map[string]string, format string) []property {
	var out []property
	for _, name := range slices.Sorted(maps.Keys(values)) {
		out = append(out, property{Name: name, Format: format})
	}
	return out
}

func marshal(v any) []byte {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps, lists and strings
	}
	return out
}

// Write writes the binding's present credentials as plain files below root, and returns their folder. Files that are there
// already are overwritten.
func (b *Binding) Write(root string, l Layout, base string) (folder string, err error) {
	files, err := b.files(l, base)
	if err != nil {
		return "", err
	}
	folder = l.folder(root, b.name)
	return folder, writeAll(folder, files)
}

func writeAll(folder string, files map[string][]byte) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Mount is a binding mounted as Kubernetes mounts a Secret: every file is a link into ..data, which is a link to a folder that
// holds one generation. Safe for concurrent use.
type Mount struct {
	binding *Binding
	layout  Layout
	base    string
	// Folder is where the files are.
	Folder string

	mu         sync.Mutex // guards generation
	generation int
}

// Mount writes the binding's present credentials below root. They stay until [Mount.Update].
func (b *Binding) Mount(root string, l Layout, base string) (*Mount, error) {
	m := &Mount{binding: b, layout: l, base: base, Folder: l.folder(root, b.name)}
	return m, m.Update()
}

// Rotate rotates the binding, the old credentials being dead at once, and swaps the files.
func (m *Mount) Rotate() error {
	return errors.Join(m.binding.Rotate(0), m.Update())
}

// Update swaps the files for those of the binding's present credentials, in the steps of the kubelet: a new folder, a new link
// beside the old, one rename.
// Source: https://github.com/kubernetes/kubernetes/blob/v1.31.0/pkg/volume/util/atomic_writer.go
func (m *Mount) Update() error {
	files, err := m.binding.files(m.layout, m.base)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.generation++
	next := fmt.Sprintf("..2026_12_01_00_00_00.%09d", m.generation)
	if err := writeAll(filepath.Join(m.Folder, next), files); err != nil {
		return err
	}
	data, fresh := filepath.Join(m.Folder, "..data"), filepath.Join(m.Folder, "..data_tmp")
	old, _ := os.Readlink(data)
	if err := errors.Join(os.Symlink(next, fresh), os.Rename(fresh, data)); err != nil {
		return err
	}
	for name := range files {
		err := os.Symlink(filepath.Join("..data", name), filepath.Join(m.Folder, name))
		if err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	if old == "" {
		return nil
	}
	return os.RemoveAll(filepath.Join(m.Folder, old))
}
