// Package image builds images of a Dockerfile without a container engine, for tests: it copies and runs what the file says
// into folders.
//
// [Build] makes an [Image]: a root folder, a user and a program. It knows the instructions that functions/Dockerfile has and
// refuses all others. It is no sandbox: RUN lines run as they are, on this machine, in the folder of their stage.
package image

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Instruction is a line of a Dockerfile.
type Instruction struct {
	// Line counts from 1.
	Line int
	// Name is in upper case.
	Name string
	// Rest is what follows, as written.
	Rest string
}

// known are the instructions that Build can follow.
func known() []string {
	return []string{"FROM", "WORKDIR", "ENV", "ARG", "COPY", "RUN", "USER", "EXPOSE", "ENTRYPOINT"}
}

// Parse reads a Dockerfile. Errors name the line: what needs BuildKit, and instructions that Build does not know.
func Parse(text string) ([]Instruction, error) {
	var out []Instruction
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if directive := strings.ReplaceAll(line, " ", ""); strings.HasPrefix(directive, "#syntax=") {
			return nil, fmt.Errorf("line %d: a syntax directive needs BuildKit", n)
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, rest, _ := strings.Cut(line, " ")
		i := Instruction{Line: n, Name: strings.ToUpper(name), Rest: strings.TrimSpace(rest)}
		switch {
		case !slices.Contains(known(), i.Name):
			return nil, fmt.Errorf("line %d: %s is not known here", n, name)
		case strings.HasSuffix(line, `\`):
			return nil, fmt.Errorf("line %d: continued lines are not known here", n)
		case i.Name == "RUN" && strings.HasPrefix(i.Rest, "--"), strings.HasPrefix(i.Rest, "<<"):
			return nil, fmt.Errorf("line %d: options and here-documents of RUN need BuildKit", n)
		case i.Rest == "":
			return nil, fmt.Errorf("line %d: %s says nothing", n, name)
		}
		out = append(out, i)
	}
	return out, nil
}

var pair = regexp.MustCompile(`([A-Z_a-z0-9]+)=("[^"]*"|\S*)`)

// assignments are the NAME=value of an ENV line, without quotes.
func assignments(rest string) []string {
	var out []string
	for _, m := range pair.FindAllStringSubmatch(rest, -1) {
		out = append(out, m[1]+"="+strings.Trim(m[2], `"`))
	}
	return out
}
