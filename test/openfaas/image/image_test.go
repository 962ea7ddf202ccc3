package image

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func build(t *testing.T, dockerfile string, args map[string]string) (*Image, error) {
	t.Helper()
	o := Options{Context: t.TempDir(), Folder: t.TempDir(), Args: args, Environment: []string{"PATH=" + os.Getenv("PATH")}, Output: t.Output()}
	for name, text := range map[string]string{"Dockerfile": dockerfile, "a.txt": "a", "b/c.txt": "c"} {
		path := filepath.Join(o.Context, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Build(t.Context(), o)
}

func TestBuild(t *testing.T) {
	const dockerfile = `# a comment
FROM --platform=${BUILDPLATFORM:-linux/amd64} golang:1.26.0 AS build
WORKDIR /src
ENV ONE=1 TWO="2 and 3"
ARG WORD
ARG UNSET
COPY a.txt b ./
RUN echo "$GOTOOLCHAIN $ONE $TWO $WORD ${UNSET:-nothing} $HIDDEN" >out && cat a.txt c.txt >>out
FROM scratch
COPY --from=build /src/out /made/
COPY --from=build /etc/hostname /etc/hostname
USER 12:34
ENTRYPOINT ["/made/out", "-x"]
`
	i, err := build(t, dockerfile, map[string]string{"WORD": "word", "HIDDEN": "hidden"})
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.ReadFile(filepath.Join(i.Root, "made/out"))
	if want := "go1.26.0 1 2 and 3 word nothing \nac"; err != nil || string(out) != want {
		t.Errorf("the build made %q (%v), want %q", out, err, want)
	}
	if got := fmt.Sprint(i.User, i.Group, i.Entrypoint, exists(filepath.Join(i.Root, "etc/hostname")), exists(filepath.Join(i.Root, "src"))); got != "12 34 [/made/out -x] true false" {
		t.Errorf("the image has %s", got)
	}
}

func TestBuildRefuses(t *testing.T) {
	const head = "FROM golang:1.26.0 AS build\n"
	for name, tc := range map[string]struct{ dockerfile, want string }{
		"syntax directive":       {"# syntax=docker/dockerfile:1\n" + head, "needs BuildKit"},
		"mount":                  {head + "RUN --mount=type=cache,target=/x true\n", "need BuildKit"},
		"unknown instruction":    {head + "HEALTHCHECK none\n", "HEALTHCHECK is not known"},
		"continued line":         {head + "RUN true \\\n", "continued lines"},
		"instruction alone":      {head + "WORKDIR\n", "WORKDIR says nothing"},
		"before FROM":            {"USER 1:1\n", "comes before FROM"},
		"another base":           {"FROM alpine\n", "only golang and scratch"},
		"command that fails":     {head + "RUN exit 3\n", "line 2: RUN exit 3: exit status 3"},
		"file that is not there": {head + "COPY none.txt ./none.txt\n", "none.txt: no such file"},
		"stage that is not":      {"FROM scratch\nCOPY --from=build /x /x\n", "no stage build"},
		"user by name":           {"FROM scratch\nUSER nobody\n", "want numbers"},
		"entrypoint by a shell":  {"FROM scratch\nENTRYPOINT /x\n", "invalid character"},
		"not from scratch":       {head + "ENTRYPOINT [\"/x\"]\n", "not from scratch"},
		"without entrypoint":     {"FROM scratch\nUSER 1:1\n", "no ENTRYPOINT"},
	} {
		if _, err := build(t, tc.dockerfile, nil); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: Build() = %v, want %q", name, err, tc.want)
		}
	}
}

func ExampleParse() {
	instructions, err := Parse("# from nothing\nFROM scratch\nENTRYPOINT [\"/function\"]\n")
	fmt.Println(instructions, err)
	// Output: [{2 FROM scratch} {3 ENTRYPOINT ["/function"]}] <nil>
}
