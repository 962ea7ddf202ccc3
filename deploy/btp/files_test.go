package btp

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestEveryValueToFillInIsExplained: each <your …> stands in the README.md beside it, and none is explained that is not there.
func TestEveryValueToFillInIsExplained(t *testing.T) {
	folders, err := fs.ReadDir(Files, ".")
	if err != nil {
		t.Fatal(err)
	}
	form := regexp.MustCompile(`<your [a-z0-9 ]+>`)
	loose := regexp.MustCompile(`(?i)<[a-z][a-z0-9 _-]*>|\{\{|xxx`)
	for _, folder := range folders {
		var used, explained []string
		files, err := fs.ReadDir(Files, folder.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := fs.ReadFile(Files, folder.Name()+"/"+file.Name())
			if err != nil {
				t.Fatal(err)
			}
			for _, other := range loose.FindAllString(form.ReplaceAllString(string(text), ""), -1) {
				t.Errorf("%s/%s has %q: what is to be filled in has the form <your …>", folder.Name(), file.Name(), other)
			}
			if file.Name() == "README.md" {
				for line := range strings.Lines(string(text)) {
					if first, _, _ := strings.Cut(strings.TrimPrefix(line, "| `"), "`"); form.MatchString(line) && strings.HasPrefix(line, "| `<your ") {
						explained = append(explained, first)
					}
				}
				continue
			}
			used = append(used, form.FindAllString(string(text), -1)...)
		}
		for _, list := range []*[]string{&used, &explained} {
			slices.Sort(*list)
			*list = slices.Compact(*list)
		}
		if !slices.Equal(used, explained) {
			t.Errorf("%s: to be filled in are %v, README.md explains %v", folder.Name(), used, explained)
		}
	}
}

func Example() {
	folders, err := fs.ReadDir(Files, ".")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, folder := range folders {
		fmt.Println(folder.Name())
	}
	// Output:
	// advanced-event-mesh
	// cap
	// event-hub
	// event-mesh
	// kyma
}
