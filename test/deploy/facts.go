package deploy

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Functions are the names of the functions.
func Functions() []string { return []string{"publish-sns", "store-dynamodb", "invoke-lambda"} }

// Facts are what the functions say and do, as the manifests are held against it.
type Facts struct {
	// Settings are each function's variables and their defaults, as its -help lists them.
	Settings map[string]map[string]string
	// Live and Ready are the paths that answered a probe.
	Live, Ready string
	// Reserve is what a function keeps of GRACE to end.
	Reserve time.Duration
}

// settingLine is a variable in -help, with its default.
var settingLine = regexp.MustCompile(`(?m)^  ([A-Z][A-Z0-9_]*)(?: \((.*)\))?$`)

// readSettings asks the programs in a folder.
func readSettings(ctx context.Context, folder string) (map[string]map[string]string, error) {
	out := map[string]map[string]string{}
	for _, function := range Functions() {
		help, err := exec.CommandContext(ctx, filepath.Join(folder, function), "-help").Output() //nolint:gosec // the functions that TestMain built
		if err != nil {
			return nil, fmt.Errorf("ask %s for its settings: %w", function, err)
		}
		out[function] = map[string]string{}
		for _, found := range settingLine.FindAllStringSubmatch(string(help), -1) {
			out[function][found[1]] = found[2]
		}
		if len(out[function]) < 20 {
			return nil, fmt.Errorf("ask %s for its settings: only %d are in its -help, so the form of it changed", function, len(out[function]))
		}
	}
	return out, nil
}

// Of is a setting's value where some are given, else its default.
func (f Facts) Of(function string, given map[string]string, name string) string {
	if value := given[name]; value != "" {
		return value
	}
	return strings.TrimSuffix(f.Settings[function][name], ", required")
}

// duration is a setting that is a time; 0 if it is none, which the function itself refuses.
func (f Facts) duration(function string, given map[string]string, name string) time.Duration {
	d, err := time.ParseDuration(f.Of(function, given, name))
	if err != nil {
		return 0
	}
	return d
}

// unknown are the variables that the function does not have, in order of their names.
func (f Facts) unknown(function string, names []string) []string {
	var out []string
	for _, name := range names {
		if _, has := f.Settings[function][name]; !has {
			out = append(out, name)
		}
	}
	return out
}

// senderDeadline is how long Kyma's eventing waits for an answer before it sends the event again.
// Source: https://github.com/kyma-project/eventing-manager, pkg/backend/jetstream/jetstream.go (jsConsumerAckWait).
const senderDeadline = 30 * time.Second

// drains says what is wrong with the times of an end that takes grace: "" if all that was accepted is answered in it.
func (f Facts) drains(function string, given map[string]string) string {
	delay, request, grace := f.duration(function, given, "DRAIN_DELAY"), f.duration(function, given, "REQUEST_TIMEOUT"), f.duration(function, given, "GRACE")
	if delay+request+f.Reserve > grace {
		return fmt.Sprintf("GRACE %v is less than DRAIN_DELAY %v, REQUEST_TIMEOUT %v and the %v that the function keeps", grace, delay, request, f.Reserve)
	}
	return ""
}
