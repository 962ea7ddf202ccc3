package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// changing is what differs from run to run: times, dates and ports.
var changing = regexp.MustCompile(`\s+[0-9]+\.[0-9] ms$|127\.0\.0\.1:[0-9]+|[0-9]{2}:[0-9]{2}:[0-9]{2};|--accept-root [0-9A-F:]+…`)

func normal(line string) string {
	return strings.TrimRight(changing.ReplaceAllString(line, "~"), " ")
}

// checkTranscript holds README's transcript to what the demo says: each of its lines, in order. A line of dots stands for
// lines that it leaves out.
func checkTranscript(t *testing.T, output string) {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(readme), "$ make demo\n")
	transcript, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("README.md has no transcript of make demo")
	}
	var said []string
	for line := range strings.Lines(output) {
		said = append(said, normal(strings.TrimRight(line, "\n")))
	}
	for line := range strings.Lines(transcript) {
		line = normal(strings.TrimRight(line, "\n"))
		if line == "" || strings.TrimSpace(line) == "…" {
			continue
		}
		i := slices.Index(said, line)
		if i < 0 {
			t.Errorf("README's transcript has the line %q, which the demo does not say there:\n%s", line, output)
			return
		}
		said = said[i+1:]
	}
}
