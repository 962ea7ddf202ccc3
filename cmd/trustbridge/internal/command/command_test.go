package command

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/trustbridge/trustbridge/cmd/trustbridge/internal/setup"
)

// TestEveryFlagIsInAScript: the scripts of cmd/trustbridge specify each flag.
func TestEveryFlagIsInAScript(t *testing.T) {
	files, err := filepath.Glob("../../testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("scripts: %v, %v", files, err)
	}
	var all bytes.Buffer
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		commands, _, _ := bytes.Cut(text, []byte("\n-- ")) // the golden files name every flag
		for line := range strings.Lines(string(commands)) {
			if strings.HasPrefix(line, "setup ") {
				all.WriteString(line)
			}
		}
	}
	flags := regexp.MustCompile(`(?m)^ +(?:-[a-z], )?--([a-z-]+)`).FindAllStringSubmatch(newSetup(Process{}).Flags().FlagUsages(), -1)
	for _, f := range flags {
		if !strings.Contains(all.String(), " --"+f[1]) {
			t.Errorf("no script runs setup with --%s", f[1])
		}
	}
	if len(flags) < 22 {
		t.Errorf("setup has the flags %v, want all of them", flags)
	}
}

func TestEveryCommandIsExplained(t *testing.T) {
	c := newSetup(Process{})
	if c.Short == "" || c.Long == "" || !strings.Contains(c.Example, "trustbridge setup") || !strings.HasPrefix(c.Use, "setup") {
		t.Errorf("setup: short %q, long %q, example %q, want all three", c.Short, c.Long, c.Example)
	}
}

func TestParseValidity(t *testing.T) {
	for s, want := range map[string]setup.Validity{
		"1d": {Unit: setup.Days, Value: 1}, "365d": {Unit: setup.Days, Value: 365}, "12mo": {Unit: setup.Months, Value: 12}, "1y": {Unit: setup.Years, Value: 1},
	} {
		if got, err := parseValidity(s); err != nil || got != want {
			t.Errorf("parseValidity(%q) = %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "d", "0d", "366d", "13mo", "2y", "-1d", "1 d", "1D", "30", "1w", "1d1d"} {
		if got, err := parseValidity(s); err == nil || got != (setup.Validity{}) {
			t.Errorf("parseValidity(%q) = %v, %v, want an error", s, got, err)
		}
	}
}

func TestFlagsWinOverVariables(t *testing.T) {
	variables := []string{
		"DESTINATION_NAME=variable", "DESTINATION_BINDING=variable", "SERVICE_BINDING_ROOT=/variable", "VCAP_SERVICES={}", "VCAP_SERVICES_FILE_PATH=/variable",
		"DESTINATION_SUBDOMAIN=variable", "DESTINATION_NAME=last",
	}
	f := &setupFlags{output: "text", folder: "x", name: "trustbridge", functions: []string{"publish-sns"}, validity: "30d"}
	nothing := func(string) bool { return false }
	o, s, err := f.options(variables, nothing)
	if err != nil || o.Destination != "last" || s.Name != "variable" || s.Root != "/variable" || s.VCAPServices != "{}" || s.VCAPServicesFilePath != "/variable" ||
		o.Plan.Binding.Subdomain != "variable" {
		t.Errorf("options of variables = %+v, %+v, %v, want theirs", o, s, err)
	}
	f.destination, f.binding, f.root, f.vcapFile, f.subdomain = "flag", "flag", "/flag", "/flag", "flag"
	o, s, err = f.options(variables, nothing)
	if err != nil || o.Destination != "flag" || s.Name != "flag" || s.Root != "/flag" || s.VCAPServices != "" || s.VCAPServicesFilePath != "/flag" ||
		o.Plan.Binding.Subdomain != "flag" {
		t.Errorf("options of flags = %+v, %+v, %v, want theirs", o, s, err)
	}
}

// FuzzRun: whatever the arguments are, the command line ends with one of its exit codes, and says why.
func FuzzRun(f *testing.F) {
	f.Add("setup --destination x --validity 1d")
	f.Add("setup --create --cn \x00 --accept-root zz")
	f.Add("help setup")
	f.Add("--output")
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Fields(line)
		if slices.ContainsFunc(args, func(a string) bool { return a == cobra.ShellCompRequestCmd || a == cobra.ShellCompNoDescRequestCmd }) {
			return // cobra's own, which writes to the process's stdout
		}
		var stderr bytes.Buffer
		t.Chdir(t.TempDir())
		code := Run(t.Context(), Process{Args: args, Stdout: io.Discard, Stderr: &stderr, Now: time.Now()})
		if code < exitOK || code > exitUsage || (code == exitOK) != (stderr.Len() == 0) {
			t.Errorf("Run(%q) = %d with stderr %q, want an exit code and a reason", args, code, stderr.String())
		}
	})
}

func Example() {
	var stderr bytes.Buffer
	code := Run(context.Background(), Process{Args: []string{"setup"}, Stdout: io.Discard, Stderr: &stderr, Now: time.Now()})
	fmt.Printf("%d %s", code, stderr.String())
	// Output:
	// 2 trustbridge setup: --destination is missing: the name of the destination that holds, or will hold, the certificate
	// hint: trustbridge setup --help
}
