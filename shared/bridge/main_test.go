package bridge

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/trustbridge/trustbridge/shared/forward"
)

// own is a function's settings.
type own struct {
	Own struct {
		Target string `env:"TARGET" required:"true" doc:"where events go" example:"x"`
	} `group:"own"`
	region string
}

func (o *own) Check() []Problem {
	if o.Own.Target == "nowhere" {
		return []Problem{{Names: []string{"TARGET"}, Reason: "leads nowhere"}}
	}
	return nil
}

func (o *own) Region() string { return o.region }

// started runs a function until it has made its sink, and then tells it to end.
func started(t *testing.T, environment map[string]string, args ...string) (code int, target *Target, stdout, stderr string, unset []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, errs bytes.Buffer
	f := Function{Name: "fn", Settings: &own{}, NewSink: func(got Target) forward.Sink {
		target = &got
		cancel()
		return &slow{}
	}}
	code = f.run(ctx, process{
		args: args, environment: environment, stdout: &out, stderr: &errs, unset: func(name string) { unset = append(unset, name) },
	})
	return code, target, out.String(), errs.String(), unset
}

// serviceKey writes a service key and returns an environment that starts.
func startable(t *testing.T) map[string]string {
	t.Helper()
	key := filepath.Join(t.TempDir(), "key.json")
	text := `{"clientid":"sb-x!b1|y!b2","clientsecret":"s","url":"https://127.0.0.1:1","uri":"https://127.0.0.1:1","uaadomain":"x","credential-type":"binding-secret"}`
	if err := os.WriteFile(key, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	environment := good()
	maps.Copy(environment, map[string]string{
		"ADDRESS": "127.0.0.1", "PORT": "0", "DRAIN_DELAY": "0s", "TARGET": "x", "DESTINATION_SERVICE_KEY_PATH": key,
	})
	return environment
}

func TestRunStartsAndEnds(t *testing.T) {
	environment := startable(t)
	maps.Copy(environment, map[string]string{"AWS_PROFILE": "p", "AWS_SESSION_TOKEN": "t"})
	code, target, _, log, unset := started(t, environment)
	if code != exitOK || target == nil {
		t.Fatalf("run() = %d, want 0 and a sink:\n%s", code, log)
	}
	if target.AWS.Region != "eu-central-1" || target.AWS.Credentials == nil || target.Session == nil {
		t.Errorf("the sink got region %q and credentials %v, want the anchor's region and the session", target.AWS.Region, target.AWS.Credentials)
	}
	if strings.Join(unset, " ") != "AWS_PROFILE AWS_SESSION_TOKEN" || !strings.Contains(log, "AWS_PROFILE") {
		t.Errorf("unset %v, want the foreign credentials' variables, named in the log:\n%s", unset, log)
	}
}

func TestRegion(t *testing.T) {
	environment := startable(t)
	environment["AWS_REGION"] = "eu-west-1"
	if _, target, _, log, _ := started(t, environment); target == nil || target.AWS.Region != "eu-west-1" {
		t.Errorf("region = %v, want AWS_REGION before the anchor's:\n%s", target, log)
	}
	f := Function{Name: "fn", Settings: &own{region: "us-east-1"}, NewSink: func(Target) forward.Sink { return &slow{} }}
	var c Config
	load(settingsOf(&c), environment)
	if got, err := c.loadAWS(t.Context(), f.Settings.Region()); err != nil || got.Region != "us-east-1" {
		t.Errorf("region = %q (%v), want the target's before AWS_REGION", got.Region, err)
	}
}

func TestRunRefuses(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	for name, tc := range map[string]struct {
		change map[string]string
		args   []string
		code   int
		says   []string
	}{
		"arguments":          {args: []string{"-x"}, code: exitConfig, says: []string{"takes no arguments", "-help"}},
		"own settings":       {change: map[string]string{"TARGET": "nowhere"}, code: exitConfig, says: []string{"TARGET leads nowhere"}},
		"no binding":         {change: map[string]string{"DESTINATION_SERVICE_KEY_PATH": ""}, code: exitConfig, says: []string{"VCAP_SERVICES", "DESTINATION_SERVICE_KEY_PATH", "binding"}},
		"port taken":         {change: map[string]string{"PORT": port}, code: exitFailure, says: []string{"ADDRESS and PORT"}},
		"no boolean":         {change: map[string]string{"AWS_USE_FIPS_ENDPOINT": "maybe"}, code: exitConfig, says: []string{"AWS_USE_FIPS_ENDPOINT"}},
		"destination's name": {change: map[string]string{"DESTINATION_NAME": strings.Repeat("x", 10_000)}, code: exitConfig, says: []string{"DESTINATION_NAME cannot be looked up"}},
		"nothing": {
			change: map[string]string{
				"AUTH": "", "DESTINATION_NAME": "", "TARGET": "", "DESTINATION_SERVICE_KEY_PATH": "", "ROLES_ANYWHERE_TRUST_ANCHOR_ARN": "",
				"ROLES_ANYWHERE_PROFILE_ARN": "", "ROLES_ANYWHERE_ROLE_ARN": "",
			},
			code: exitConfig,
			says: []string{
				"7 problems", "AUTH is not set", "for example:    AUTH=none", "DESTINATION_NAME is not set", "TARGET is not set", "VCAP_SERVICES and",
				"for example:    DESTINATION_SERVICE_KEY_PATH=/", "ROLES_ANYWHERE_TRUST_ANCHOR_ARN is not set", "ROLES_ANYWHERE_PROFILE_ARN is not set",
				"ROLES_ANYWHERE_ROLE_ARN is not set", "what it is for: where events go",
			},
		},
		"misspelt and incomplete": {change: map[string]string{"TARGET": "", "TARGE": "x"}, code: exitConfig, says: []string{"TARGET is not set", "perhaps misspelt: TARGE is not a setting; TARGET is"}},
	} {
		t.Run(name, func(t *testing.T) {
			environment := startable(t)
			maps.Copy(environment, tc.change)
			code, target, _, stderr, _ := started(t, environment, tc.args...)
			if code != tc.code {
				t.Errorf("run() = %d, want %d:\n%s", code, tc.code, stderr)
			}
			if tc.code == exitConfig && target != nil {
				t.Error("a sink was made in spite of a wrong configuration")
			}
			for _, text := range tc.says {
				if !strings.Contains(stderr, text) {
					t.Errorf("the output does not say %q:\n%s", text, stderr)
				}
			}
		})
	}
}

// TestTheSDKsOwnVariablesAreConfigurationToo: it refuses some of them only when its configuration is loaded.
func TestTheSDKsOwnVariablesAreConfigurationToo(t *testing.T) {
	t.Setenv("AWS_MAX_ATTEMPTS", "many")
	code, target, _, stderr, _ := started(t, startable(t))
	if code != exitConfig || target != nil || !strings.Contains(stderr, "AWS_MAX_ATTEMPTS") && !strings.Contains(stderr, "many") {
		t.Errorf("run() = %d, want 2 and what the SDK says:\n%s", code, stderr)
	}
}

// TestNoSharedFilesAreRead: what stands in a home directory must not change where events go, or who sends them.
func TestNoSharedFilesAreRead(t *testing.T) {
	shared := filepath.Join(t.TempDir(), "config")
	text := "[default]\nregion = us-east-1\nendpoint_url = http://elsewhere.example\naws_access_key_id = K\naws_secret_access_key = S\nretry_mode = adaptive\n"
	if err := os.WriteFile(shared, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", shared)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", shared)
	t.Setenv("AWS_REGION", "")
	var c Config
	load(settingsOf(&c), startable(t))
	got, err := c.loadAWS(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := got.Credentials.Retrieve(t.Context())
	if err == nil && credentials.AccessKeyID == "K" || got.Region != "eu-central-1" || got.RetryMode == aws.RetryModeAdaptive || got.BaseEndpoint != nil {
		t.Errorf("region %q, retry mode %q, endpoint %v: want nothing of the shared files", got.Region, got.RetryMode, got.BaseEndpoint)
	}
}

// TestSignInClient: the identity's calls end in time, go where AWS's do, and follow no redirect with a signed request.
func TestSignInClient(t *testing.T) {
	var c Config
	load(settingsOf(&c), startable(t))
	c.Queue.CallTimeout = 3 * time.Second
	config, err := c.loadAWS(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	client, ok := signInClient(config.HTTPClient, &c).(*http.Client)
	if !ok || client.Timeout != c.Queue.CallTimeout {
		t.Fatalf("signInClient() = %v, want a client with AWS_CALL_TIMEOUT", client)
	}
	if err := client.CheckRedirect(nil, nil); !errors.Is(err, http.ErrUseLastResponse) {
		t.Errorf("CheckRedirect() = %v, want %v", err, http.ErrUseLastResponse)
	}
	if transport, ok := client.Transport.(*http.Transport); !ok || transport.MaxIdleConnsPerHost != 2*c.Queue.Slots {
		t.Errorf("the transport is %v, want that of the AWS configuration, which keeps %d connections", client.Transport, 2*c.Queue.Slots)
	}
}

// TestToldToEndBeforeItBegan: a name that is being looked up is no failure when the answer no longer matters.
func TestToldToEndBeforeItBegan(t *testing.T) {
	environment := startable(t)
	environment["ADDRESS"] = "no-such-host.invalid"
	if code, _, _, log, _ := started(t, environment); code != exitOK {
		t.Errorf("run() = %d, want 0: it was told to end while it looked for its address\n%s", code, log)
	}
}

// TestUnusableBindingIsNoReasonToEnd: an operator can mend it while the function runs.
func TestUnusableBindingIsNoReasonToEnd(t *testing.T) {
	environment := startable(t)
	if err := os.WriteFile(environment["DESTINATION_SERVICE_KEY_PATH"], []byte(`{"clientid":"x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, target, _, log, _ := started(t, environment); code != exitOK || target == nil {
		t.Errorf("run() with an incomplete binding = %d, want it to start:\n%s", code, log)
	}
}

func TestHelp(t *testing.T) {
	for _, flag := range []string{"-h", "-help", "--help"} {
		code, _, stdout, _, _ := started(t, nil, flag)
		for _, text := range []string{"\nserver\n  ADDRESS\n", "\n  PORT (8080)\n      port to listen on", "\nown\n  TARGET\n      where events go"} {
			if code != exitOK || !strings.Contains(stdout, text) {
				t.Errorf("run(%s) = %d:\n%s\nwant it to say %q", flag, code, stdout, text)
			}
		}
	}
}

func TestListeningBeyondLoopbackIsSaid(t *testing.T) {
	environment := startable(t)
	environment["ADDRESS"] = ""
	_, _, _, log, _ := started(t, environment)
	if !strings.Contains(log, `"level":"WARN","msg":"AUTH=none and the listener is not loopback`) {
		t.Errorf("the log does not say that everyone may send:\n%s", log)
	}
	environment["ADDRESS"] = "127.0.0.1"
	if _, _, _, log, _ := started(t, environment); strings.Contains(log, "AUTH=none") || strings.Contains(log, "other AWS credentials") {
		t.Errorf("the log warns of a loopback listener, or of credentials that are not there:\n%s", log)
	}
}
