package bridge

import (
	"fmt"
	"io"
	"strings"
)

// printProblems lists what must be configured before the function can start.
func printProblems(w io.Writer, name string, problems []Problem, warnings []string) {
	noun := "problems"
	if len(problems) == 1 {
		noun = "problem"
	}
	fmt.Fprintf(w, "%s: %d %s in the configuration; docs/configuration.md and %s -help describe every variable\n", name, len(problems), noun, name)
	for _, p := range problems {
		fmt.Fprintf(w, "\n  %s\n", p.Error())
		if p.Purpose != "" {
			fmt.Fprintf(w, "      what it is for: %s\n", p.Purpose)
		}
		switch {
		case p.Example == "":
		case len(p.Names) == 1:
			fmt.Fprintf(w, "      for example:    %s=%s\n", p.Names[0], p.Example)
		default:
			fmt.Fprintf(w, "      for example:    %s\n", p.Example)
		}
	}
	for _, warning := range warnings {
		fmt.Fprintf(w, "\n  perhaps misspelt: %s\n", warning)
	}
}

// printSettings is the answer to -help.
func printSettings(w io.Writer, name string, settings []setting) {
	fmt.Fprintf(w, "%s is configured by environment variables only:\n", name)
	group := ""
	for _, s := range settings {
		if s.group != group {
			group = s.group
			fmt.Fprintf(w, "\n%s\n", group)
		}
		fmt.Fprintf(w, "  %s", s.name)
		if s.fallback != "" {
			fmt.Fprintf(w, " (%s)", s.fallback)
		}
		fmt.Fprintf(w, "\n      %s\n", s.doc)
	}
}

// Markdown is the tables of docs/configuration.md for the settings of a struct: a heading and a table for each group.
func Markdown(settings any) string {
	var b strings.Builder
	group := ""
	for _, s := range settingsOf(settings) {
		if s.group != group {
			group = s.group
			fmt.Fprintf(&b, "\n### %s\n\n| variable | default | what it is for | example |\n| --- | --- | --- | --- |\n", group)
		}
		fallback := "–"
		switch {
		case s.required:
			fallback = "**required**"
		case s.fallback != "":
			fallback = "`" + s.fallback + "`"
		}
		doc := s.doc
		if len(s.values) > 1 {
			doc += ". One of: `" + strings.Join(s.values, "`, `") + "`"
		}
		if s.min != "" && s.max != "" {
			doc += fmt.Sprintf(" (%s to %s)", s.min, s.max)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` |\n", s.name, fallback, strings.ReplaceAll(doc, "|", "\\|"), s.example)
	}
	return strings.TrimPrefix(b.String(), "\n")
}

// ReplaceSection is text with what stands between the two marks replaced. The error says which mark is missing.
func ReplaceSection(text, begins, ends, section string) (string, error) {
	before, rest, found := strings.Cut(text, begins)
	if !found {
		return "", fmt.Errorf("the mark %q is missing", begins)
	}
	_, after, found := strings.Cut(rest, ends)
	if !found {
		return "", fmt.Errorf("the mark %q is missing", ends)
	}
	return before + begins + section + ends + after, nil
}
