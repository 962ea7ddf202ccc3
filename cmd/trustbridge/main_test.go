package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/trustbridge/trustbridge/cmd/trustbridge/internal/command"
	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/local/btp"
)

var update = flag.Bool("update", false, "write what was printed into the scripts")

// now is the time in all scripts: the fixtures are valid then.
const now = "2026-12-01T12:00:00Z"

func clock() time.Time {
	t, err := time.Parse(time.RFC3339, now)
	if err != nil {
		panic(err) // a constant
	}
	return t
}

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"trustbridge": func() {
			os.Exit(command.Run(context.Background(), command.Process{
				Args: os.Args[1:], Environment: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr, Now: clock(),
			}))
		},
	})
}

// authorities are shared by all scripts: to make them takes a moment, and they never change.
var authorities = sync.OnceValues(func() (*btp.PKI, error) { return btp.NewPKI(clock()) })

// TestScripts runs the text scripts in testdata/script, which specify what the command prints, writes and asks the service;
// testdata/README.md explains their words.
func TestScripts(t *testing.T) {
	pki, err := authorities()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: *update, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			s, err := newScene(pki, env.WorkDir)
			if err != nil {
				return err
			}
			env.Values[sceneKey{}] = s
			env.Defer(s.http.Close)
			env.Setenv("ROOT", local.Fingerprint(pki.Root()))
			env.Setenv("FIXTURE_ROOT", s.fixtureRoot)
			env.Setenv("STAND", s.http.URL)
			env.Setenv("HOST", strings.TrimPrefix(s.http.URL, "http://"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"setup":       with((*scene).setup),
			"destination": with((*scene).destination),
			"certificate": with((*scene).certificate),
			"issue":       with((*scene).issue),
			"own":         with((*scene).own),
			"fault":       with((*scene).fault),
			"calls":       with((*scene).calls),
			"rotate":      with((*scene).rotate),
			"bindings":    with((*scene).bindings),
			"edit":        with((*scene).edit),
			"mode":        with((*scene).mode),
		},
	})
}

type sceneKey struct{}

// scene is the stand-in of a script.
type scene struct {
	btp         *btp.Server
	http        *httptest.Server
	secret      string
	fixtureRoot string
	counted     map[string]int // :: call → how often it was made when a script last asked
}

func newScene(pki *btp.PKI, folder string) (*scene, error) {
	server, err := btp.New(btp.Config{PKI: pki, EC: true})
	if err != nil {
		return nil, err
	}
	server.SetClockOffset(time.Until(clock()))
	s := &scene{btp: server, http: httptest.NewServer(server), counted: map[string]int{}}
	root, err := os.ReadFile(filepath.Join(fixtures, "sap-root.pem"))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(root)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	s.fixtureRoot = local.Fingerprint(c)
	return s, s.writeKey(folder)
}

// writeKey writes the present service key.
func (s *scene) writeKey(folder string) error {
	key := s.btp.ServiceKey(s.http.URL)
	var fields struct{ ClientSecret string }
	if err := json.Unmarshal(key, &fields); err != nil || fields.ClientSecret == "" {
		return fmt.Errorf("the service key of the stand-in has no secret: %w", err)
	}
	s.secret = fields.ClientSecret
	return os.WriteFile(filepath.Join(folder, "service-key.json"), key, 0o600)
}

func with(run func(s *scene, ts *testscript.TestScript, args []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		s, ok := ts.Value(sceneKey{}).(*scene)
		if !ok || neg {
			ts.Fatalf("there is no scene, or no negation of this word")
		}
		run(s, ts, args)
	}
}

// setup CODE ARGUMENT... runs "trustbridge setup", and wants that exit code and no secret in anything that is printed or
// written, but for the private key in the one file that is for it.
func (s *scene) setup(ts *testscript.TestScript, args []string) {
	err := ts.Exec("trustbridge", append([]string{"setup"}, args[1:]...)...)
	code := 0
	if exit, is := errors.AsType[*exec.ExitError](err); is {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if want := args[0]; fmt.Sprint(code) != want {
		ts.Fatalf("exit code %d, want %s\n%s%s", code, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
	s.wantNoSecret(ts, "stdout", ts.ReadFile("stdout"))
	s.wantNoSecret(ts, "stderr", ts.ReadFile("stderr"))
	work := ts.MkAbs(".")
	ts.Check(filepath.WalkDir(work, func(path string, d os.DirEntry, err error) error {
		relative, _ := filepath.Rel(work, path)
		if err != nil || d.IsDir() || d.Name() == "key.pem" || !strings.Contains(relative, string(filepath.Separator)) || strings.HasPrefix(relative, "binding") {
			return err
		}
		content, err := os.ReadFile(path)
		s.wantNoSecret(ts, relative, string(content))
		return err
	}))
}

func (s *scene) wantNoSecret(ts *testscript.TestScript, where, text string) {
	for _, secret := range []string{s.secret, "PRIVATE KEY", "Bearer "} {
		if strings.Contains(text, secret) {
			ts.Fatalf("%s holds a secret:\n%s", where, text)
		}
	}
}

// edit FILE OLD NEW changes a file as a person would.
func (s *scene) edit(ts *testscript.TestScript, args []string) {
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(text, args[1], args[2])), 0o600))
}

// mode FILE MODE wants exactly that mode.
func (s *scene) mode(ts *testscript.TestScript, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[1] {
		ts.Fatalf("%s has mode %s, want %s", args[0], got, args[1])
	}
}

// rotate gives the client another secret; the service key of the script stays as it was.
func (s *scene) rotate(_ *testscript.TestScript, _ []string) { s.btp.RotateSecret() }

// bindings writes the binding in its other forms: vcap.json with one binding, several.json with two, mounted/ for
// SERVICE_BINDING_ROOT.
func (s *scene) bindings(ts *testscript.TestScript, _ []string) {
	vcap := s.btp.VCAPServices(s.http.URL)
	ts.Check(os.WriteFile(ts.MkAbs("vcap.json"), vcap, 0o600))
	ts.Setenv("VCAP", string(vcap))
	var services struct {
		Destination []map[string]any `json:"destination"`
	}
	ts.Check(json.Unmarshal(vcap, &services))
	var other map[string]any
	ts.Check(json.Unmarshal(bytes.ReplaceAll(vcap, []byte(s.secret), []byte("another-secret")), &services))
	ts.Check(json.Unmarshal(vcap, &other))
	second := services.Destination[0]
	second["name"], second["instance_name"] = "other", "other"
	if credentials, ok := second["credentials"].(map[string]any); ok {
		credentials["clientid"], credentials["instanceid"] = "sb-other", "other"
	}
	list, _ := other["destination"].([]any)
	text, err := json.Marshal(map[string]any{"destination": append(list, second)})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("several.json"), text, 0o600))

	mounted := ts.MkAbs("bindings/orders-destination")
	ts.Check(os.MkdirAll(mounted, 0o700))
	var key map[string]any
	ts.Check(json.Unmarshal(s.btp.ServiceKey(s.http.URL), &key))
	key["type"] = "destination"
	for name, value := range key {
		if text, isText := value.(string); isText {
			ts.Check(os.WriteFile(filepath.Join(mounted, name), []byte(text), 0o600))
		}
	}
}
