package deploy

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Manifest is manifest.yml of Cloud Foundry, with what we use of it.
// Source: https://docs.cloudfoundry.org/devguide/deploy-apps/manifest-attributes.html and
// https://github.com/cloudfoundry/cloud_controller_ng, app/messages/app_manifest_message.rb.
type Manifest struct {
	Version int `yaml:"version"`
	// Function is what the applications have in common; Cloud Foundry itself does not look at it.
	Function     yaml.Node     `yaml:"function"`
	Applications []Application `yaml:"applications"`
}

// Application is one app.
type Application struct {
	Name                         string            `yaml:"name"`
	Path                         string            `yaml:"path"`
	Command                      string            `yaml:"command"`
	Buildpacks                   []string          `yaml:"buildpacks"`
	Instances                    int               `yaml:"instances"`
	Memory                       string            `yaml:"memory"`
	DiskQuota                    string            `yaml:"disk_quota"`
	HealthCheckType              string            `yaml:"health-check-type"`
	HealthCheckHTTPEndpoint      string            `yaml:"health-check-http-endpoint"`
	HealthCheckInvocationTimeout int               `yaml:"health-check-invocation-timeout"`
	Timeout                      int               `yaml:"timeout"`
	Env                          map[string]string `yaml:"env"`
	Services                     []struct {
		Name       string            `yaml:"name"`
		Parameters bindingParameters `yaml:"parameters"`
	} `yaml:"services"`
}

// hole is a variable in a manifest.
var hole = regexp.MustCompile(`\(\(([A-Za-z_]+)\)\)`)

// Holes are the variables that a manifest wants, in order.
func Holes(text []byte) []string {
	var out []string
	for _, found := range hole.FindAllStringSubmatch(string(text), -1) {
		out = append(out, found[1])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// ReadCloudFoundry reads a manifest strictly, with variables filled in as cf does. One that is missing is an error.
func ReadCloudFoundry(text []byte, variables map[string]string) (*Manifest, error) {
	for _, name := range Holes(text) {
		value, has := variables[name]
		if !has {
			return nil, fmt.Errorf("read manifest: there is no variable %s", name)
		}
		text = bytes.ReplaceAll(text, []byte("(("+name+"))"), []byte(strconv.Quote(value)))
	}
	var m Manifest
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	return &m, nil
}

// killedAfter is the time between SIGTERM and SIGKILL, and home the folder that an app's files are in.
// Source: https://docs.cloudfoundry.org/devguide/deploy-apps/app-lifecycle.html#shutdown.
const (
	killedAfter = 10 * time.Second
	home        = "/home/vcap/app"
)

// Problems lists what is wrong, in the order of the applications; nothing if they can work. Each begins with the app's name.
func (m *Manifest) Problems(f Facts) []string {
	r := &reporter{of: "manifest"}
	r.is(m.Version != 1, "version %d is not 1", m.Version)
	var names []string
	out := r.out
	for _, a := range m.Applications {
		names = append(names, a.Name)
		out = append(out, a.problems(f)...)
	}
	r = &reporter{of: "manifest"}
	r.is(!slices.Equal(names, Functions()), "applications %v are not the functions", names)
	return append(out, r.out...)
}

func (a Application) problems(f Facts) []string {
	r := &reporter{of: a.Name}
	r.is(path.Base(a.Path) != a.Name || path.Dir(a.Path) != "../../bin/cloudfoundry", "path %q is not where README.md builds it", a.Path)
	r.is(a.Command != "exec ./"+a.Name, "command %q does not become the program, which would not get SIGTERM", a.Command)
	r.is(!slices.Equal(a.Buildpacks, []string{"binary_buildpack"}), "buildpacks %v are not for a program", a.Buildpacks)
	r.is(a.Instances < 2, "less than two instances")
	memory, disk := megabytes(a.Memory), megabytes(a.DiskQuota)
	queue := megabytes(strings.ReplaceAll(f.Of(a.Name, a.Env, "QUEUE_BYTES"), " MiB", "M"))
	r.is(queue == 0 || memory < queueCopies*queue+base>>20, "memory %q is not enough for QUEUE_BYTES %d MiB", a.Memory, queue)
	r.is(disk < 64, "disk_quota %q is less than program and droplet take", a.DiskQuota)
	r.is(a.HealthCheckType != "http" || a.HealthCheckHTTPEndpoint != f.Live, "health check %s %s, want http %s", a.HealthCheckType, a.HealthCheckHTTPEndpoint, f.Live)
	r.is(a.HealthCheckInvocationTimeout < 1 || a.Timeout < 10 || a.Timeout > 180, "times of the health check are not 1 s or more, and 10 s to 180 s")
	for _, unknown := range f.unknown(a.Name, slices.Sorted(maps.Keys(a.Env))) {
		r.is(true, "%s is not a setting of the function", unknown)
	}
	r.is(a.Env["PORT"] != "" || a.Env["VCAP_SERVICES"] != "", "PORT and VCAP_SERVICES are Cloud Foundry's to set")
	grace := f.duration(a.Name, a.Env, "GRACE")
	r.is(grace != killedAfter, "GRACE %v is not the %v that Cloud Foundry gives", grace, killedAfter)
	delay := f.duration(a.Name, a.Env, "DRAIN_DELAY")
	r.is(delay <= 0 || 2*delay > grace-f.Reserve, "DRAIN_DELAY %v is none, or more than half of the %v for what came last", delay, grace-f.Reserve)
	r.is(a.Env["AUTH"] != "basic" || path.Dir(a.Env["AUTH_BASIC_USERS_PATH"]) != home, "the route is open to the world: AUTH=%s with users in %q", a.Env["AUTH"], a.Env["AUTH_BASIC_USERS_PATH"])
	if len(a.Services) != 1 || a.Services[0].Name != "trustbridge-destination" {
		r.is(true, "services are not trustbridge-destination alone")
		return r.out
	}
	r.parameters(a.Services[0].Parameters)
	return r.out
}

// megabytes is a size as Cloud Foundry reads it; 0 if it has no unit that it knows.
func megabytes(s string) int {
	number, factor := strings.TrimSuffix(s, "M"), 1
	if g, is := strings.CutSuffix(s, "G"); is {
		number, factor = g, 1024
	}
	n, err := strconv.Atoi(number)
	if err != nil || number == s {
		return 0
	}
	return n * factor
}
