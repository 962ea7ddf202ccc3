package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/trustbridge/trustbridge/shared/awscall"
	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/shared/telemetry"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // it could not listen, or the server broke
	exitConfig  = 2 // something must be configured before it can start
)

// Settings is a function's own part of the configuration: a pointer to a struct with the tags of [Config]'s fields.
type Settings interface {
	// Check returns everything that single values do not show. It is called after the values are set.
	Check() []Problem
	// Region is the region of the target, "" if the settings do not name one. It is called if Check found nothing.
	Region() string
}

// Target is what a sink gets to reach AWS with.
type Target struct {
	// AWS is the configuration for service clients: credentials, region, HTTP client, endpoints.
	AWS aws.Config
	// Session is the credentials' session; its RetryExpired belongs into the options of every client.
	Session *awscall.Session
	// Counters is where a sink counts.
	Counters *telemetry.Counters
}

// Function is one of the programs.
type Function struct {
	// Name is the folder's, the binary's and the image's.
	Name string
	// Settings is filled before NewSink is called.
	Settings Settings
	// NewSink makes the function's sink.
	NewSink func(Target) forward.Sink
}

// process is what a program has of the system, so that tests can give it another.
type process struct {
	args        []string // without the program's name
	environment map[string]string
	stdout      io.Writer
	stderr      io.Writer
	unset       func(name string)
}

// Main runs the function until SIGTERM or SIGINT, and exits: 0 after a drain, 1 if it could not serve, 2 if the
// configuration has problems, which it lists.
func Main(f Function) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	code := f.run(ctx, process{
		args: os.Args[1:], environment: parseEnvironment(os.Environ()), stdout: os.Stdout, stderr: os.Stderr,
		unset: func(name string) { _ = os.Unsetenv(name) },
	})
	stop()
	os.Exit(code)
}

func (f Function) run(ctx context.Context, p process) int {
	var config Config
	settings := append(settingsOf(&config), settingsOf(f.Settings)...)
	switch {
	case len(p.args) == 1 && (p.args[0] == "-h" || p.args[0] == "-help" || p.args[0] == "--help"):
		printSettings(p.stdout, f.Name, settings)
		return exitOK
	case len(p.args) > 0:
		fmt.Fprintf(p.stderr, "%s: takes no arguments, it is configured by environment variables; %s -help lists them\n", f.Name, f.Name)
		return exitConfig
	}
	problems, warnings := f.configure(&config, settings, p.environment)
	if len(problems) > 0 {
		printProblems(p.stderr, f.Name, problems, warnings)
		return exitConfig
	}
	log := telemetry.NewLogger(p.stderr, config.level())
	for _, w := range warnings {
		log.Warn("a variable looks like a misspelt setting", "variable", w)
	}
	config.cleanEnvironment(p, log)
	s, err := f.build(ctx, &config, log)
	if problem, ok := errors.AsType[Problem](err); ok {
		printProblems(p.stderr, f.Name, []Problem{problem}, nil)
		return exitConfig
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return exitOK // told to end before it began
	}
	if err != nil {
		log.Error("the function could not start", "error", err)
		return exitFailure
	}
	defer s.close()
	if err := s.serve(ctx); err != nil {
		log.Error("the function stopped serving", "error", err)
		return exitFailure
	}
	return exitOK
}

// configure fills the settings from the environment and returns everything that is wrong with them, and what may be.
func (f Function) configure(config *Config, settings []setting, environment map[string]string) (problems []Problem, warnings []string) {
	problems = load(settings, environment)
	misplaced, warnings := checkNames(settings, environment)
	own := f.Settings.Check()
	if len(own) == 0 && !slices.ContainsFunc(settingsOf(f.Settings), func(s setting) bool { return names(problems, s.name) }) {
		own = config.checkRegion(f.Settings.Region())
	}
	return merge(append(problems, misplaced...),
		slices.Concat(config.check(), config.checkEndpoints(environment), own, config.findBinding())), warnings
}

// names tells whether one of the problems is about the variable.
func names(problems []Problem, variable string) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return slices.Contains(p.Names, variable) })
}

// merge is first and those of second whose variables first does not name already: one report a variable is enough.
func merge(first, second []Problem) []Problem {
	named := make(map[string]bool)
	for _, p := range first {
		for _, name := range p.Names {
			named[name] = true
		}
	}
	out := first
	for _, p := range second {
		known := false
		for _, name := range p.Names {
			known = known || named[name]
		}
		if !known {
			out = append(out, p)
		}
	}
	return out
}

func (c *Config) level() slog.Level {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Telemetry.Level)) // one of the listed values
	return level
}

// cleanEnvironment takes away what would give the AWS SDK other credentials than ours, and says so once.
func (c *Config) cleanEnvironment(p process, log *slog.Logger) {
	var names []string
	for _, name := range removed {
		if p.environment[name] != "" {
			names = append(names, name)
			p.unset(name)
		}
	}
	if len(names) > 0 {
		log.Warn("variables of other AWS credentials are set and ignored: the certificate is the only identity", "variables", names)
	}
}
