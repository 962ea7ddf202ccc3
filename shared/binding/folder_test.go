package binding

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// write writes files into a folder, which it makes.
func write(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// link makes or swaps a link, as Kubernetes does.
func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// asVolume copies a folder of files as Kubernetes shows a volume: each file is a link into ..data, which is a link to a
// generation.
func asVolume(t *testing.T, from, to string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			asVolume(t, filepath.Join(from, e.Name()), filepath.Join(to, e.Name()))
			continue
		}
		content, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		write(t, to, map[string]string{"..2026_12_01_00_00_00.1/" + e.Name(): string(content)})
		if _, err := os.Lstat(filepath.Join(to, generationLink)); err != nil {
			link(t, "..2026_12_01_00_00_00.1", filepath.Join(to, generationLink))
		}
		link(t, filepath.Join(generationLink, e.Name()), filepath.Join(to, e.Name()))
	}
}

// TestFindFixturesAsVolumes: the same folders as Kubernetes shows them.
func TestFindFixturesAsVolumes(t *testing.T) {
	all, want := rows(t)
	n := 0
	for _, r := range all {
		if r.Root == "" && r.SAPBTP == "" {
			continue
		}
		n++
		r.check(t, r.sources(t, func(path string) string {
			to := t.TempDir()
			asVolume(t, path, to)
			return to
		}), want)
	}
	if n != 9 {
		t.Errorf("%d rows are about folders, want 9", n)
	}
}

// client is the files of a binding in folders that go by the file type.
func client(id, secret string) map[string]string {
	return map[string]string{"type": "destination", "clientid": id, "clientsecret": secret, "url": "https://a.example", "uri": "https://d.example", "instanceid": "i"}
}

func TestWholeRootAsOneVolume(t *testing.T) {
	root := t.TempDir()
	for name, content := range client("c", "s") {
		write(t, root, map[string]string{"..1/orders/" + name: content})
	}
	link(t, "..1", filepath.Join(root, generationLink))
	link(t, generationLink+"/orders", filepath.Join(root, "orders"))
	if b, err := Find(Sources{Root: root}); err != nil || b.ClientID != "c" || b.Name != "orders" {
		t.Errorf("Find = %v, %v; want the binding of the volume's generation", b, err)
	}
}

// TestFilesAreOfOneGeneration: whatever swaps meanwhile, id and secret are of one generation.
func TestFilesAreOfOneGeneration(t *testing.T) {
	root := t.TempDir()
	folder := filepath.Join(root, "orders")
	generation := func(n int) {
		name := fmt.Sprintf("..%d", n)
		write(t, filepath.Join(folder, name), client(fmt.Sprint("c", n), fmt.Sprint("s", n)))
		link(t, name, filepath.Join(folder, generationLink))
	}
	generation(0)
	done := make(chan struct{})
	var swapping sync.WaitGroup
	swapping.Go(func() {
		defer close(done)
		for n := 1; n < 200; n++ {
			generation(n)
			if err := os.RemoveAll(filepath.Join(folder, fmt.Sprintf("..%d", n-1))); err != nil {
				t.Errorf("remove the old generation: %v", err)
			}
		}
	})
	reads, busy := 0, 0
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		b, err := Find(Sources{Root: root})
		if err != nil { // swapped three times within one look: said, and looked at again
			if e, _ := errors.AsType[*Error](err); e == nil || e.Kind != Unreadable {
				t.Fatalf("Find = %v, want a binding, or that it could not be read", err)
			}
			busy++
			continue
		}
		reads++
		if strings.TrimPrefix(b.ClientID, "c") != strings.TrimPrefix(b.ClientSecret.Reveal(), "s") {
			t.Fatalf("client %s has the secret %s: two generations mixed", b.ClientID, b.ClientSecret.Reveal())
		}
	}
	swapping.Wait()
	if b, err := Find(Sources{Root: root}); err != nil || b.ClientID != "c199" || reads == 0 {
		t.Errorf("Find = %v, %v after %d reads (%d busy); want the last generation", b, err, reads, busy)
	}
}

func TestPrecedence(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "mounted"), client("c", "new"))
	vcap := `{"destination":[{"name":"v","credentials":{"clientid":"c","clientsecret":"old","instanceid":"i","url":"https://a","uri":"https://b"}}]}`
	b, err := Find(Sources{Root: root, VCAPServices: vcap})
	if err != nil || b.ClientSecret.Reveal() != "new" || !strings.HasPrefix(b.Place, "SERVICE_BINDING_ROOT ") {
		t.Errorf("Find = %v, %v; want the mounted one, for it is rotated while the variable is not", b, err)
	}
	if b, err := Find(Sources{DefaultRoot: root, VCAPServices: vcap}); err != nil || b.ClientSecret.Reveal() != "new" {
		t.Errorf("Find = %v, %v; want the mounted one of SAP's own root", b, err)
	}
	if b, err := Find(Sources{Root: t.TempDir(), DefaultRoot: root}); err == nil {
		t.Errorf("Find = %v, want nothing of SAP's own root beside SERVICE_BINDING_ROOT", b)
	}
	other := strings.ReplaceAll(vcap, `"instanceid":"i"`, `"instanceid":"j"`)
	_, err = Find(Sources{Root: root, VCAPServices: other})
	if e, _ := errors.AsType[*Error](err); e == nil || e.Kind != SeveralBindings || !strings.Contains(err.Error(), `"mounted" in SERVICE_BINDING_ROOT`) || !strings.Contains(err.Error(), `"v" in VCAP_SERVICES`) {
		t.Errorf("Find = %v, want both named with their places", err)
	}
	for name, place := range map[string]string{"v": "VCAP_SERVICES", "mounted": "SERVICE_BINDING_ROOT"} {
		if b, err := Find(Sources{Root: root, VCAPServices: other, Name: name}); err != nil || !strings.HasPrefix(b.Place, place) {
			t.Errorf("DESTINATION_BINDING=%s: %v, %v; want the one in %s", name, b, err, place)
		}
	}
	// A broken place does not hide what another holds, but is named when nothing is there.
	if b, err := Find(Sources{Root: root, VCAPServices: "{"}); err != nil || b.ClientID != "c" {
		t.Errorf("Find beside a broken variable = %v, %v; want the mounted one", b, err)
	}
	_, err = Find(Sources{Root: t.TempDir(), VCAPServices: "{"})
	if e, _ := errors.AsType[*Error](err); e == nil || e.Kind != Unreadable {
		t.Errorf("Find of a broken variable alone = %v, want unreadable", err)
	}
}

func TestByNameOursGoFirst(t *testing.T) {
	vcap := `{"xsuaa":[{"name":"x","credentials":{"clientid":"1"}}],"destination":[{"name":"x","credentials":` + string(credentials(t)) + `}]}`
	for _, services := range []string{vcap, strings.ReplaceAll(vcap, `"xsuaa"`, `"aaa"`)} {
		if b, err := Find(Sources{VCAPServices: services, Name: "x"}); err != nil || b.ClientID == "1" {
			t.Errorf("Find = %v, %v; want the binding of the Destination Service before another of that name", b, err)
		}
	}
	one := `{"name":"a","credentials":` + string(credentials(t)) + `}`
	if b, err := Find(Sources{VCAPServices: `{"destination":[` + one + `,` + one + `]}`}); err != nil || b.Name != "a" {
		t.Errorf("Find = %v, %v, want the one client that is seen twice", b, err)
	}
}

func TestWhatIsSkippedIsNamed(t *testing.T) {
	inner, err := json.Marshal(map[string]string{"credentials": string(credentials(t)), "tags": `["x"]`})
	if err != nil {
		t.Fatal(err)
	}
	good := string(credentials(t))
	for name, r := range map[string]struct {
		files   map[string]string // below the root
		layered bool
		kind    Kind // 0 for a binding
		says    []string
	}{
		"broken .metadata":          {map[string]string{"a/.metadata": "{"}, false, NoBinding, []string{`"a" in`, ".metadata is not JSON"}},
		"broken container":          {map[string]string{"a/.metadata": `{"credentialProperties":[{"name":"c","format":"json","container":true}]}`, "a/c": "{"}, false, NoBinding, []string{`"c" is not JSON`}},
		"another type":              {map[string]string{"a/type": "xsuaa", "a/clientid": "x"}, false, NoBinding, []string{`found but not taken: "a" in`}},
		"empty root":                {nil, false, NoBinding, []string{"(no folders)"}},
		"a file in the root":        {map[string]string{"readme": "x"}, false, NoBinding, []string{"(no folders)"}},
		"listed file missing":       {map[string]string{"a/.metadata": `{"metaDataProperties":[{"name":"type","format":"text"}],"credentialProperties":[{"name":"clientid","format":"text"}]}`, "a/type": "destination"}, false, IncompleteBinding, []string{"lacks clientid"}},
		"too large":                 {map[string]string{"a/type": strings.Repeat("x", contentMaxBytes+1)}, false, Unreadable, []string{"larger than 1 MiB", `"a"`}},
		"too large together":        {map[string]string{"a/type": strings.Repeat("x", contentMaxBytes-1), "a/x": "xx"}, false, Unreadable, []string{"together larger"}},
		"empty instance":            {map[string]string{"destination/a/b/c": "x"}, true, NoBinding, []string{`"destination/a" in`, "empty"}},
		"two files of JSON":         {map[string]string{"destination/a/x": good, "destination/a/y": good}, true, NoBinding, []string{"more than one file of JSON"}},
		"another service":           {map[string]string{"xsuaa/a/x": good}, true, NoBinding, []string{`found but not taken: "a" in`}},
		"JSON text in JSON":         {map[string]string{"destination/a/x": string(inner)}, true, 0, nil},
		"type file in SAP's root":   {map[string]string{"a/type": "destination", "a/clientid": "c"}, true, IncompleteBinding, []string{"lacks clientsecret"}},
		"layers in a given root":    {map[string]string{"destination/a/x": good}, false, 0, nil},
		"source name":               {map[string]string{"a/.metadata": `{"metaDataProperties":[{"name":"label","sourceName":"l","format":"TEXT"}],"credentialProperties":[{"name":"c","sourceName":"f","format":"json","container":true}]}`, "a/l": "destination", "a/f": good}, false, 0, nil},
		"a good one beside a wrong": {map[string]string{"a/.metadata": "{", "b/type": "destination", "b/clientid": "c", "b/clientsecret": "s", "b/url": "https://a", "b/uri": "https://b"}, false, 0, nil},
	} {
		root := t.TempDir()
		write(t, root, r.files)
		s := Sources{Root: root}
		if r.layered {
			s = Sources{DefaultRoot: root}
		}
		b, err := Find(s)
		if r.kind == 0 {
			if err != nil || b.ClientSecret.IsZero() {
				t.Errorf("%s: Find = %v, %v, want a binding", name, b, err)
			}
			continue
		}
		if e, _ := errors.AsType[*Error](err); e == nil || e.Kind != r.kind {
			t.Errorf("%s: Find = %v, want %v", name, err, r.kind)
			continue
		}
		for _, part := range append(r.says, root) {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: the error %q does not say %q", name, err, part)
			}
		}
	}
}

func TestPlacesAreNamed(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "nothing")
	_, err := Find(Sources{DefaultRoot: missing})
	for _, part := range []string{"SERVICE_BINDING_ROOT (not set)", missing + " (does not exist)", "VCAP_SERVICES (not set)", "VCAP_SERVICES_FILE_PATH (not set)", "DESTINATION_SERVICE_KEY_PATH"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("Find = %v, want it to say %q", err, part)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range []Sources{{Root: file}, {DefaultRoot: file}} {
		_, err := Find(s)
		if e, _ := errors.AsType[*Error](err); e == nil || e.Kind != Unreadable || e.Err == nil || !strings.Contains(err.Error(), file+" cannot be read") {
			t.Errorf("Find in a file = %v, want that it cannot be read", err)
		}
		s.VCAPServices = string(read(t, "bindings/vcap-secret.json"))
		if b, err := Find(s); err != nil || b.Place != "VCAP_SERVICES" {
			t.Errorf("Find beside it = %v, %v; want the binding of the variable", b, err)
		}
		_, err = Find(Sources{Root: s.Root, DefaultRoot: s.DefaultRoot, VCAPServices: s.VCAPServices, Name: "other"})
		if e, _ := errors.AsType[*Error](err); e == nil || e.Kind != Unreadable {
			t.Errorf("Find of another name = %v, want unreadable: it may be there", err)
		}
	}
}

func TestNoLinkLeadsOut(t *testing.T) {
	outside, root := t.TempDir(), t.TempDir()
	write(t, outside, client("outside", "s"))
	link(t, outside, filepath.Join(root, "folder"))
	write(t, filepath.Join(root, "file"), map[string]string{"type": "destination"})
	link(t, filepath.Join(outside, "clientid"), filepath.Join(root, "file", "clientid"))
	write(t, filepath.Join(root, "data"), nil)
	if err := os.Mkdir(filepath.Join(root, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	link(t, outside, filepath.Join(root, "data", generationLink))
	b, err := Find(Sources{Root: root})
	e, _ := errors.AsType[*Error](err)
	if e == nil || e.Kind != Unreadable {
		t.Fatalf("Find = %v, %v; want nothing from outside of the root", b, err)
	}
	var r reading
	if err := r.root(root); err != nil || len(r.candidates) != 0 || len(r.skipped) != 3 {
		t.Errorf("candidates %v, skipped %q (%v); want all three folders skipped", r.candidates, r.skipped, err)
	}
}

func TestNotTooManyEntries(t *testing.T) {
	root := t.TempDir()
	files := map[string]string{}
	for n := range entriesMax + 1 {
		files[fmt.Sprintf("a/%d", n)] = "x"
	}
	write(t, root, files)
	if _, err := Find(Sources{Root: root}); err == nil || !strings.Contains(err.Error(), "more than 256") {
		t.Errorf("Find = %v, want the folder refused", err)
	}
	root = t.TempDir()
	for n := range entriesMax + 1 {
		write(t, root, map[string]string{fmt.Sprintf("%d/type", n): "x"})
	}
	_, err := Find(Sources{Root: root})
	if e, _ := errors.AsType[*Error](err); e == nil || e.Kind != Unreadable || !strings.Contains(err.Error(), "more than 256") {
		t.Errorf("Find = %v, want the root refused as unreadable: the binding may be in it", err)
	}
}

// BenchmarkFindFolder is what a look at a mounted x509 binding costs.
func BenchmarkFindFolder(b *testing.B) {
	b.ReportAllocs()
	s := Sources{Root: filepath.FromSlash(dir + "bindings/service-binding-root/x509")}
	for b.Loop() {
		if _, err := Find(s); err != nil {
			b.Fatal(err)
		}
	}
}
