package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openfaas/go-sdk/stack"
)

// What OpenFaaS fixes for every function.
const (
	// Port is where a function is called.
	// Source: https://docs.openfaas.com/reference/workloads/
	Port = "8080"
	// Health is the path of the liveness probe; another one is not for Community Edition.
	// Source: https://docs.openfaas.com/reference/workloads/
	Health = "/_/health"
	// Ready is that of the readiness probe.
	Ready = "/_/ready"
	// Secrets is the folder in which each secret is a file.
	// Source: https://docs.openfaas.com/reference/secrets/
	Secrets = "/var/openfaas/secrets/" //nolint:gosec // where they are, not one of them
	// Grace is the time from SIGTERM to SIGKILL: Kubernetes' own default, which Community Edition does not change.
	// Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
	Grace = 30 * time.Second
	// Gateway is how long the gateway waits for an answer.
	// Source: https://github.com/openfaas/faas-netes/blob/master/chart/openfaas/values.yaml
	Gateway = 60 * time.Second
)

// Limits of Community Edition.
// Source: https://github.com/openfaas/faas-netes/tree/662ce9c/pkg/handlers
const (
	functionsMost = 15
	replicasMost  = 5
	namespace     = "openfaas-fn"
)

// endReserve is what a function keeps of its GRACE to end, as docs/configuration.md says.
const endReserve = 2 * time.Second

// Problems lists what is wrong with the functions of a stack, in a fixed order; nothing if Community Edition takes them and
// they can work there. Each begins with the function's name.
func Problems(s *stack.Services) []string {
	var out []string
	if n := len(s.Functions); n > functionsMost {
		out = append(out, fmt.Sprintf("stack: %d functions; Community Edition takes %d", n, functionsMost))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Functions)) {
		f := s.Functions[name]
		for _, why := range slices.Concat(edition(f), container(f), deadlines(f.Environment)) {
			out = append(out, name+": "+why)
		}
	}
	return out
}

// edition is what Community Edition refuses.
func edition(f stack.Function) []string {
	var out []string
	refuse := func(format string, args ...any) {
		out = append(out, fmt.Sprintf(format, args...)+" is refused by Community Edition")
	}
	if f.Namespace != "" && f.Namespace != namespace {
		refuse("namespace %s", f.Namespace)
	}
	labels, annotations := pairs(f.Labels), pairs(f.Annotations)
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		value := labels[key]
		switch key {
		case "com.openfaas.scale.zero":
			if value == "true" {
				refuse("label %s: %s", key, value)
			}
		case "com.openfaas.scale.zero-duration", "com.openfaas.scale.target", "com.openfaas.scale.type":
			refuse("label %s", key)
		case "com.openfaas.scale.min", "com.openfaas.scale.max":
			if n, err := strconv.Atoi(value); err != nil || n < 0 || n > replicasMost {
				refuse("label %s: %s", key, value)
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		switch {
		case strings.Contains(key, "amazonaws.com"), strings.Contains(key, "gke.io"):
			refuse("annotation %s", key)
		case key == "topic" && strings.Contains(annotations[key], ","):
			refuse("annotation topic with more than one topic")
		}
	}
	return out
}

// container is what Community Edition takes although it cannot work, or is less than the images allow.
func container(f stack.Function) []string {
	var out []string
	if port := f.Environment["PORT"]; port != "" && port != Port {
		out = append(out, "PORT is "+port+", but OpenFaaS calls "+Port)
	}
	if !f.ReadOnlyRootFilesystem {
		out = append(out, "readonly_root_filesystem is not true")
	}
	used := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(f.Environment)) {
		value := f.Environment[name]
		if secret, found := strings.CutPrefix(value, Secrets); found {
			used[secret] = true
			if !slices.Contains(f.Secrets, secret) {
				out = append(out, name+" is "+value+", but "+secret+" is not among the secrets")
			}
		}
	}
	for _, secret := range f.Secrets {
		if !used[secret] {
			out = append(out, "secret "+secret+" is mounted, but nothing names its file")
		}
	}
	if f.Limits == nil || f.Limits.Memory == "" || f.Limits.CPU != "" {
		out = append(out, "limits are not one of memory alone")
	}
	return out
}

// deadlines holds the three times to each other and to the platform's.
func deadlines(environment map[string]string) []string {
	var out []string
	read := func(name string) time.Duration {
		d, err := time.ParseDuration(environment[name])
		if err != nil || d <= 0 {
			out = append(out, fmt.Sprintf("%s is %q, want a time", name, environment[name]))
		}
		return d
	}
	request, grace, drain := read("REQUEST_TIMEOUT"), read("GRACE"), read("DRAIN_DELAY")
	if len(out) > 0 {
		return out
	}
	if request >= Gateway {
		out = append(out, fmt.Sprintf("REQUEST_TIMEOUT is %v, but the gateway gives up after %v", request, Gateway))
	}
	if grace > Grace {
		out = append(out, fmt.Sprintf("GRACE is %v, but the pod is killed after %v", grace, Grace))
	}
	if drain+request > grace-endReserve {
		out = append(out, fmt.Sprintf("DRAIN_DELAY %v and REQUEST_TIMEOUT %v do not fit into GRACE %v less %v", drain, request, grace, endReserve))
	}
	return out
}

func pairs(m *map[string]string) map[string]string {
	if m == nil {
		return nil
	}
	return *m
}
