package openfaas

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/types"
	sdk "github.com/openfaas/go-sdk"
	"github.com/openfaas/go-sdk/builder"
	"github.com/openfaas/go-sdk/stack"
	"golang.org/x/crypto/bcrypt"

	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/local/btp"
	"github.com/trustbridge/trustbridge/test/openfaas/image"
	"github.com/trustbridge/trustbridge/test/openfaas/manifest"
	"github.com/trustbridge/trustbridge/test/openfaas/provider"
)

// work is the folder of what all tests share.
var work string

func TestMain(m *testing.M) {
	code := 1
	err := os.Chdir("../..") // OpenFaaS's code takes paths as relative to stack.yml
	if err == nil {
		work, err = os.MkdirTemp("", "trustbridge-openfaas")
	}
	if err == nil {
		code = m.Run()
		err = os.RemoveAll(work)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// images are the functions', built once.
var images = sync.OnceValues(func() (map[string]*image.Image, error) {
	s, err := manifest.Load("stack.yml")
	if err != nil {
		return nil, err
	}
	out := map[string]*image.Image{}
	for _, name := range local.Functions() {
		if out[name], err = build(s, name, s.Functions[name].BuildArgs); err != nil {
			return nil, fmt.Errorf("build %s: %w", name, err)
		}
	}
	return out, nil
})

// build makes the function's build context with OpenFaaS's code, and in it what the Dockerfile says.
func build(s *stack.Services, name string, args map[string]string) (*image.Image, error) {
	folder, err := os.MkdirTemp(work, name)
	if err != nil {
		return nil, err
	}
	f := s.Functions[name]
	made, err := builder.CreateBuildContext(name, f.Handler, f.Language, s.StackConfiguration.CopyExtraPaths, builder.WithBuildDir(filepath.Join(folder, "context")))
	if err != nil {
		return nil, err
	}
	environment := []string{"PATH=" + os.Getenv("PATH")}
	for _, variable := range []string{"HOME", "GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOSUMDB", "GONOSUMDB", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE"} {
		if value := os.Getenv(variable); value != "" { // no other of ours: a container would not have it
			environment = append(environment, variable+"="+value)
		}
	}
	var output bytes.Buffer
	i, err := image.Build(context.Background(), image.Options{
		Context: made, Folder: filepath.Join(folder, "stages"), Args: args, Environment: environment, Output: &output,
	})
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, output.String())
	}
	return i, nil
}

// Who sends.
const user, password = "event-mesh", "a password of the test"

// stage is the stand-in, set up, and the three functions deployed to OpenFaaS's router.
type stage struct {
	*local.Scenario
	stand    *local.Stand
	provider *provider.Provider
	client   *sdk.Client
	url      string
	setup    string // folder that trustbridge setup made
	held     sync.Once
	http     *http.Client
	users    string        // file of who may send
	holding  chan struct{} // closed when the Lambda function holds an event
}

// newStage starts it. Only one can be in a process.
func newStage(t *testing.T) *stage {
	t.Helper()
	built, err := images()
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{setup: filepath.Join(t.TempDir(), "trustbridge-setup"), holding: make(chan struct{}), http: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	if s.stand, err = local.Start(t.Context(), local.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stand.Close(); err != nil {
			t.Errorf("close the stand-in: %v", err)
		}
	})
	if s.Scenario, err = s.stand.SetUp(btp.Leaf{Bits: 2048}, local.Lambda{Handler: s.confirm, Timeout: time.Minute, Concurrency: 100}); err != nil {
		t.Fatal(err)
	}
	s.runSetup(t)
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	s.users = user + ":" + string(hash) + "\n"
	log.SetOutput(io.Discard) // OpenFaaS's proxy logs what it cannot reach, which the tests bring about
	s.provider = &provider.Provider{
		Image: func(reference string) *image.Image {
			name, _, _ := strings.Cut(filepath.Base(reference), ":")
			return built[name]
		},
		Folder: t.TempDir(), Output: io.Discard,
		// The stand-in's certificates are checked by what the image has where Go looks for it.
		Mounts:      map[string][]byte{"/etc/ssl/certs/ca-certificates.crt": s.stand.CA()},
		Environment: map[string]string{"AWS_ENDPOINT_URL": s.stand.AWSURL()},
	}
	s.serve(t)
	return s
}

// serve serves OpenFaaS's API until the test ends.
func (s *stage) serve(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() { s.provider.Serve(ctx, port, manifest.Gateway) })
	t.Cleanup(func() { stop(); serving.Wait() })
	base := &url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", port)}
	s.url, s.client = base.String(), sdk.NewClient(base, nil, http.DefaultClient)
	within(t, 10*time.Second, "OpenFaaS's router answers", func() bool {
		r, err := http.Get(s.url + "/healthz")
		return err == nil && r.Body.Close() == nil
	})
}

// within waits until something is so.
func within(t *testing.T, most time.Duration, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(most); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, most)
		}
	}
}

// runSetup has trustbridge setup write the files that stack.yml names, and fills in what its scripts fill in: the outputs of
// the AWS side, which the scenario has made.
func (s *stage) runSetup(t *testing.T) {
	t.Helper()
	tool := filepath.Join(work, "trustbridge")
	if out, err := exec.Command("go", "build", "-o", tool, "./cmd/trustbridge").CombinedOutput(); err != nil {
		t.Fatalf("build trustbridge: %v\n%s", err, out)
	}
	folder := t.TempDir()
	if err := s.WriteServiceKey(folder); err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(folder, "ca.pem")
	if err := os.WriteFile(ca, s.stand.CA(), 0o600); err != nil {
		t.Fatal(err)
	}
	root := s.Material.Chain[len(s.Material.Chain)-1]
	cmd := exec.Command(tool, "setup", "--service-key", filepath.Join(folder, "service-key.json"), "--destination", local.DestinationName,
		"--accept-root", local.Fingerprint(root), "--lambda", "orders", "--folder", s.setup)
	cmd.Env = []string{"SSL_CERT_FILE=" + ca}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("trustbridge setup: %v\n%s", err, out)
	}
	outputs := strings.NewReplacer("@TrustAnchorArn@", s.TrustAnchorARN, "@ProfileArn@", s.ProfileARN, "@PublishSnsRoleArn@", s.RoleARN,
		"@StoreDynamodbRoleArn@", s.StoreRoleARN, "@InvokeLambdaRoleArn@", s.InvokeRoleARN, "@TopicArn@", s.TopicARN,
		"@TableName@", s.TableARN[strings.LastIndex(s.TableARN, "/")+1:], "@FunctionArn@", s.FunctionARN+":live")
	for _, name := range local.Functions() {
		path := filepath.Join(s.setup, "openfaas", name+".yml")
		text, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, []byte(outputs.Replace(string(text))), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// deployment is what stack.yml makes of a function, with the settings changed that are given as NAME, value, ….
func (s *stage) deployment(t *testing.T, name string, settings ...string) types.FunctionDeployment {
	t.Helper()
	for variable, value := range map[string]string{
		"SETUP": s.setup, "HTTP_EVENT_TYPE": "order.received.v1", "HTTP_EVENT_SOURCE": "/erp/orders", "WEBHOOK_ORIGINS": "mesh.example.com",
		"LAMBDA_INVOCATION": "request-response",
	} {
		t.Setenv(variable, value)
	}
	services, err := manifest.Load("stack.yml")
	if err != nil {
		t.Fatal(err)
	}
	d, err := manifest.Deployment(name, services.Functions[name], ".")
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(settings); i += 2 {
		d.EnvVars[settings[i]] = settings[i+1]
	}
	return d
}

// update deploys a function anew, with settings changed.
func (s *stage) update(t *testing.T, name string, settings ...string) {
	t.Helper()
	if _, err := s.client.Update(t.Context(), s.deployment(t, name, settings...)); err != nil {
		t.Fatal(err)
	}
}

// reply is an answer as the sender gets it.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) String() string { return fmt.Sprintf("%d %v %s", r.status, r.header, r.body) }

// send posts to a path of the router as the user.
func (s *stage) send(t *testing.T, path string, header map[string]string, body string) reply {
	t.Helper()
	r, err := s.try(t.Context(), http.MethodPost, path, header, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (s *stage) try(ctx context.Context, method, path string, header map[string]string, body string) (reply, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	r.SetBasicAuth(user, password)
	for name, value := range header {
		if r.Header.Set(name, value); value == "" {
			r.Header.Del(name)
		}
	}
	response, err := s.http.Do(r)
	if err != nil {
		return reply{}, err
	}
	out, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, out}, errors.Join(err, response.Body.Close())
}

// arrived are the ids of the events that a function's far end holds.
func (s *stage) arrived(t *testing.T, function string) map[string]bool {
	t.Helper()
	ids := map[string]bool{}
	switch function {
	case "publish-sns":
		for _, m := range s.stand.AWS.Messages(s.QueueARN) {
			ids[m.Attributes["ce-id"].Value] = true
		}
	case "store-dynamodb":
		for _, item := range s.stand.AWS.Items(s.TableARN) {
			ids[item["id"].Text] = true
		}
	case "invoke-lambda":
		for _, run := range s.stand.AWS.Invocations(s.FunctionARN) {
			var event struct{ ID string }
			if err := json.Unmarshal(run.Payload, &event); err != nil {
				t.Errorf("the Lambda function got %s: %v", run.Payload, err)
			}
			ids[event.ID] = true
		}
	}
	return ids
}

// farEnd is where that is.
func farEnd(function string) string {
	return map[string]string{"publish-sns": "SQS queue of the topic", "store-dynamodb": "DynamoDB table", "invoke-lambda": "Lambda function"}[function]
}

// say prints a line for people.
func say(t *testing.T, format string, args ...any) {
	t.Helper()
	fmt.Fprintf(t.Output(), format+"\n", args...)
}
