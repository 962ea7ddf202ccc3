package binding

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLayeredByMetadata: SERVICE/INSTANCE with a file .metadata is read by it, with a file for each field as with one file of
// credentials.
func TestLayeredByMetadata(t *testing.T) {
	for _, form := range []string{"secret", "container"} {
		fixture := filepath.FromSlash(dir + "bindings/service-binding-root/" + form)
		want, err := Find(Sources{Root: fixture})
		if err != nil {
			t.Fatal(err)
		}
		for name, withoutType := range map[string]bool{"as the operator writes it": false, "with a label and a type that it does not name": true} {
			root := t.TempDir()
			folder := filepath.Join(root, "destination", "orders")
			if err := os.CopyFS(folder, os.DirFS(filepath.Join(fixture, "orders-destination"))); err != nil {
				t.Fatal(err)
			}
			if withoutType {
				content := string(read(t, "bindings/service-binding-root/"+form+"/orders-destination/.metadata"))
				content = strings.NewReplacer(`"name":"label"`, `"name":"a"`, `"name":"type"`, `"name":"b"`).Replace(content)
				write(t, folder, map[string]string{metadataFile: content})
			}
			for _, s := range []Sources{{Root: root}, {DefaultRoot: root}, {Root: root, Name: "orders"}} {
				if b, err := Find(s); err != nil || !b.Same(want) || b.Name != want.Name {
					t.Errorf("%s, %s: Find(%+v) = %v, %v; want %v", form, name, s, b, err, want)
				}
			}
		}
	}
}

func TestLayeredByMetadataThatIsBroken(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "destination", "orders"), client("c", "s"))
	write(t, filepath.Join(root, "destination", "orders"), map[string]string{metadataFile: "{"})
	_, err := Find(Sources{DefaultRoot: root})
	if e, _ := errors.AsType[*Error](err); e == nil || e.Kind != NoBinding || !strings.Contains(err.Error(), `"destination/orders" in `+root+" (its file .metadata is not JSON") {
		t.Errorf("Find = %v, want the folder skipped with the reason", err)
	}
}
