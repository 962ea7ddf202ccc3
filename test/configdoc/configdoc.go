// Package configdoc keeps docs/configuration.md true to the configuration structs: a test of each struct calls [Check], and
// `make docs` writes what the struct says.
package configdoc

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/shared/bridge"
)

//nolint:gochecknoglobals // a flag of the test binary, which exists once
var update = flag.Bool("update", false, "write docs/configuration.md anew")

// Check compares the section of the document between the marks of that name with what the settings say, and returns the
// document. With -update it writes the section instead.
func Check(t *testing.T, document, name string, settings any) string {
	t.Helper()
	old, err := os.ReadFile(document) //nolint:gosec // a document of this repository
	if err != nil {
		t.Fatal(err)
	}
	text, err := bridge.ReplaceSection(string(old), "<!-- "+name+": made by make docs -->\n", "<!-- end of "+name+" -->\n", bridge.Markdown(settings))
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case text == string(old):
	case *update:
		if err := os.WriteFile(document, []byte(text), 0o600); err != nil { //nolint:gosec // a document of this repository
			t.Fatal(err)
		}
	default:
		t.Errorf("%s differs from the struct; run make docs\n%s", document, cmp.Diff(strings.Split(string(old), "\n"), strings.Split(text, "\n")))
	}
	return text
}
