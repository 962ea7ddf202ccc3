package aws

import (
	"context"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/lambda"
)

// Limits of functions.
// Source: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const (
	functionTimeoutDefault = 3 * time.Second
	functionTimeoutMax     = 900 * time.Second
	variablesBytesMax      = 4 << 10

	concurrencyDefault = 10
	memoryDefault      = 128 // MB
	latestVersion      = "$LATEST"
)

var (
	functionNamePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	aliasPattern        = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	variablePattern     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]+$`)
)

// reservedVariables are set by Lambda and no function may set them.
// Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
func reservedVariables() []string {
	return []string{
		"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE",
		"AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
		"AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
	}
}

// FunctionOptions are what a function is. One of Path and Handler is set.
type FunctionOptions struct {
	// Path is a program that speaks the Runtime API, for example an aws-lambda-go one. It runs as a child of this process,
	// one an environment, in its own folder, with the environment variables of Lambda and of the function and no others.
	Path string
	// Handler stands in for the program, for tests in virtual time. Its context has what aws-lambda-go's has and ends with
	// the invocation's time; the handler must return then.
	Handler func(ctx context.Context, payload []byte) ([]byte, error)
	// HandlerName is what the program sees as _HANDLER; "" means bootstrap.
	HandlerName string
	// Timeout is how long an invocation may take, whole seconds up to 900; 0 means 3 s.
	Timeout time.Duration
	// Concurrency is how many invocations may run at once; 0 means 10. Another one is answered 429.
	Concurrency int
	// MemoryMB is what the program is told; 0 means 128. Nothing limits it.
	MemoryMB int
	// Environment are the function's own variables, at most 4 KB.
	Environment map[string]string
	// Role is the ARN of its execution role, which must be allowed to send to a destination; "" means one that is allowed all.
	Role string
	// OnFailure is the ARN of a standard queue that gets the record of an Event that failed for good; "" means that it is
	// lost.
	OnFailure string
}

// function is a function with its versions. The server's lock guards versions and aliases.
type function struct {
	arn, name string
	options   FunctionOptions
	slots     chan struct{}               // holds one value for each invocation that runs
	versions  map[string]*lambda.Function // :: $LATEST and 1, 2, … → environments
	aliases   map[string]string           // :: alias → version
	failures  map[string]string           // :: version or alias → ARN of its on-failure destination
	events    eventQueue
	runs      runLog
	gone      chan struct{} // closed by DeleteFunction
}

// CreateFunction makes a function and returns its ARN. Errors name the option that is wrong; that it exists already is one.
func (s *Server) CreateFunction(name string, o FunctionOptions) (string, error) {
	if o.Timeout == 0 {
		o.Timeout = functionTimeoutDefault
	}
	if o.Concurrency == 0 {
		o.Concurrency = concurrencyDefault
	}
	if o.MemoryMB == 0 {
		o.MemoryMB = memoryDefault
	}
	if o.HandlerName == "" {
		o.HandlerName = "bootstrap"
	}
	o.Environment = maps.Clone(o.Environment)
	err := o.check()
	if err == nil && !functionNamePattern.MatchString(name) {
		err = fmt.Errorf("a name has 1 to 64 letters, digits, hyphens and underscores")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	arn := s.functionARN(name)
	switch {
	case err != nil:
	case s.closed:
		err = fmt.Errorf("the stand-in is closed")
	case s.functions[arn] != nil:
		err = fmt.Errorf("it exists already")
	case o.Role != "" && s.roles[o.Role] == nil:
		err = fmt.Errorf("its Role does not exist")
	case o.OnFailure != "" && (s.queues[o.OnFailure] == nil || s.queues[o.OnFailure].isFIFO()):
		err = fmt.Errorf("OnFailure must be the ARN of a standard queue that exists")
	}
	if err != nil {
		return "", fmt.Errorf("create function %q: %w", name, err)
	}
	f := &function{
		arn: arn, name: name, options: o, slots: make(chan struct{}, o.Concurrency),
		versions: make(map[string]*lambda.Function), aliases: make(map[string]string), failures: make(map[string]string), gone: make(chan struct{}),
	}
	f.events.init()
	f.runs.init()
	f.versions[latestVersion] = s.version(f, latestVersion)
	if s.functions == nil {
		s.functions = make(map[string]*function)
	}
	s.functions[arn] = f
	s.workers.Go(func() { s.runEvents(f) })
	return arn, nil
}

func (o FunctionOptions) check() error {
	switch {
	case (o.Path == "") == (o.Handler == nil):
		return fmt.Errorf("it needs either a Path or a Handler")
	case o.Timeout < time.Second || o.Timeout > functionTimeoutMax || o.Timeout%time.Second != 0:
		return fmt.Errorf("its Timeout must be whole seconds, at most %v", functionTimeoutMax)
	case o.Concurrency < 0 || o.MemoryMB < 0:
		return fmt.Errorf("its Concurrency and MemoryMB must be positive")
	}
	if o.Path != "" {
		info, err := os.Stat(o.Path)
		if err != nil {
			return fmt.Errorf("its program: %w", err)
		}
		if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
			return fmt.Errorf("its program %s is not an executable file", o.Path)
		}
	}
	size := 0
	for _, key := range slices.Sorted(maps.Keys(o.Environment)) {
		size += len(key) + len(o.Environment[key])
		if slices.Contains(reservedVariables(), key) {
			return fmt.Errorf("its environment variable %s is reserved", key)
		}
		if !variablePattern.MatchString(key) {
			return fmt.Errorf("its environment variable %q must be letters, digits and underscores, a letter first", key)
		}
	}
	if size > variablesBytesMax {
		return fmt.Errorf("its environment variables must have at most %d bytes together", variablesBytesMax)
	}
	return nil
}

// version is a version of a function, without environments yet.
func (s *Server) version(f *function, version string) *lambda.Function {
	o := f.options
	return lambda.New(lambda.Config{
		Name: f.name, Version: version, Path: o.Path, Handler: o.Handler, HandlerName: o.HandlerName, Timeout: o.Timeout,
		Environments: o.Concurrency, MemoryMB: o.MemoryMB, Region: s.config.Region, Variables: o.Environment,
	})
}

// PublishVersion makes a version of a function and returns its number. All versions have the same program here.
func (s *Server) PublishVersion(functionARN string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.functions[functionARN]
	if f == nil || s.closed {
		return "", fmt.Errorf("publish version of %s: the function does not exist", functionARN)
	}
	version := strconv.Itoa(len(f.versions))
	f.versions[version] = s.version(f, version)
	return version, nil
}

// CreateAlias makes an alias of a version, or points it to another, and returns its ARN. version is a number that was
// published or $LATEST.
func (s *Server) CreateAlias(functionARN, alias, version string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.functions[functionARN]
	_, err := strconv.Atoi(alias)
	switch {
	case f == nil:
		return "", fmt.Errorf("create alias %q of %s: the function does not exist", alias, functionARN)
	case !aliasPattern.MatchString(alias) || err == nil:
		return "", fmt.Errorf("create alias %q of %s: an alias has letters, digits, hyphens and underscores and is no number", alias, functionARN)
	case f.versions[version] == nil:
		return "", fmt.Errorf("create alias %q of %s: there is no version %q", alias, functionARN, version)
	}
	f.aliases[alias] = version
	return functionARN + ":" + alias, nil
}

// DeleteFunction removes a function and ends what it runs; that it does not exist is no error.
func (s *Server) DeleteFunction(functionARN string) {
	s.mu.Lock()
	f := s.functions[functionARN]
	delete(s.functions, functionARN)
	s.mu.Unlock()
	if f != nil {
		close(f.gone)
		f.close()
	}
}

// close ends all environments. Nothing is added to versions any more.
func (f *function) close() {
	for _, v := range f.versions {
		v.Close()
	}
}

// closeFunctions ends all functions; the server is closed already, so there will be no others.
func (s *Server) closeFunctions() {
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.functions))
	s.mu.Unlock()
	for _, f := range all {
		f.close()
	}
}

func (s *Server) functionARN(name string) string { return s.arn(serviceLambda, "function:"+name) }
