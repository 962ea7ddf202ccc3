package configdoc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type sample struct {
	Group struct {
		Text string `env:"TEXT" doc:"a text" example:"x"`
	} `group:"sample"`
}

func TestCheck(t *testing.T) {
	document := filepath.Join(t.TempDir(), "configuration.md")
	text := "before\n<!-- sample: made by make docs -->\nold\n<!-- end of sample -->\nafter\n"
	if err := os.WriteFile(document, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	*update = true
	t.Cleanup(func() { *update = false })
	got := Check(t, document, "sample", &sample{})
	written, err := os.ReadFile(document)
	if err != nil || string(written) != got {
		t.Fatalf("the document is %q (%v), want what Check returned", written, err)
	}
	if strings.Contains(got, "old") || !strings.Contains(got, "| `TEXT` |") || !strings.HasPrefix(got, "before\n") || !strings.HasSuffix(got, "after\n") {
		t.Errorf("the document is now\n%s\nwant the section replaced and the rest kept", got)
	}
	*update = false
	if again := Check(t, document, "sample", &sample{}); again != got {
		t.Errorf("a second Check gave another document:\n%s", again)
	}
}
