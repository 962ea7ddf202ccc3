// Package e2e tests the whole system: the built binaries as processes, configured by environment as in production, against
// the local stand-in of SAP BTP and AWS.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/local/btp"
)

// built is the folder of the built functions; made once.
var built = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "trustbridge-e2e")
	if err != nil {
		return "", err
	}
	args := []string{"build", "-o", folder}
	for _, function := range local.Functions() {
		args = append(args, "../../functions/"+function)
	}
	out, err := exec.Command("go", args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return folder, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if folder, err := built(); err == nil {
		_ = os.RemoveAll(folder)
	}
	os.Exit(code)
}

// authorities are shared by all stand-ins; other ones are of a CA that no anchor trusts.
var (
	authorities      = sync.OnceValues(func() (*btp.PKI, error) { return btp.NewPKI(time.Now()) })
	otherAuthorities = sync.OnceValues(func() (*btp.PKI, error) { return btp.NewPKI(time.Now()) })
)

// system is a stand-in, what is set up in it, and the function as a process.
type system struct {
	*local.Scenario
	t      *testing.T
	stand  *local.Stand
	folder string
	fn     *process
	client *http.Client
}

// newStand starts a stand-in with everything set up, and no function yet.
func newStand(t *testing.T, c local.Config) *system {
	t.Helper()
	pki, err := authorities()
	if err != nil {
		t.Fatal(err)
	}
	c.PKI = pki
	stand, err := local.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stand.Close(); err != nil {
			t.Errorf("close the stand-in: %v", err)
		}
	})
	scenario, err := stand.SetUp(btp.Leaf{}, local.Lambda{})
	if err != nil {
		t.Fatal(err)
	}
	return &system{Scenario: scenario, t: t, stand: stand, folder: t.TempDir(), client: &http.Client{
		Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 128},
	}}
}

// start starts publish-sns as startFunction does.
func (s *system) start(settings ...string) {
	s.t.Helper()
	s.startFunction("publish-sns", settings...)
}

// startFunction starts a function with the scenario's environment and the settings given, and waits until it listens.
func (s *system) startFunction(function string, settings ...string) {
	s.t.Helper()
	environment, err := s.Environment(function, s.folder)
	if err != nil {
		s.t.Fatal(err)
	}
	s.fn = startProcess(s.t, function, append(environment, settings...))
	s.fn.waitFor("listening")
}

func (s *system) url() string { return "http://" + s.fn.address() + "/" }

// reply is what the function answered.
type reply struct {
	status int
	header http.Header
	body   []byte
	detail string // of a problem
}

// post sends a request and returns the answer; status 0 means that there was none.
func (s *system) post(header map[string]string, body []byte) reply {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url(), bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	response, err := s.client.Do(r)
	if err != nil {
		return reply{detail: err.Error()}
	}
	out := reply{status: response.StatusCode, header: response.Header}
	out.body, err = io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return reply{detail: err.Error()}
	}
	var problem struct{ Detail string }
	if json.Unmarshal(out.body, &problem) == nil {
		out.detail = problem.Detail
	}
	return out
}

// send posts a small event in binary mode.
func (s *system) send(id string) reply {
	s.t.Helper()
	return s.sendOf(id, "")
}

// sendOf posts one about a subject.
func (s *system) sendOf(id, subject string) reply {
	s.t.Helper()
	header := map[string]string{
		"content-type": "application/json", "ce-specversion": "1.0", "ce-id": id, "ce-source": "/default/sap.s4.beh/731904412",
		"ce-type": "sap.s4.beh.salesorder.v1.SalesOrder.Changed.v1",
	}
	if subject != "" {
		header["ce-subject"] = subject
	}
	return s.post(header, []byte(`{"SalesOrder":"7000412"}`))
}

// process is a function at work.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended and its log is read

	mu    sync.Mutex // guards lines, and signals more
	more  *sync.Cond
	lines []map[string]any
	raw   []string
	ended bool
}

func startProcess(t *testing.T, function string, environment []string) *process {
	t.Helper()
	folder, err := built()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, done: make(chan struct{}), cmd: exec.Command(filepath.Join(folder, function))}
	p.more = sync.NewCond(&p.mu)
	p.cmd.Env = append([]string{}, environment...) // never this process's own
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(stderr)
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("log of the function:\n%s", p.log())
		}
	})
	return p
}

// read keeps the log's lines, and ends with the process.
func (p *process) read(stderr io.Reader) {
	defer close(p.done)
	scan := bufio.NewScanner(stderr)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		var line map[string]any
		_ = json.Unmarshal(scan.Bytes(), &line)
		p.mu.Lock()
		p.raw = append(p.raw, scan.Text())
		p.lines = append(p.lines, line)
		p.more.Broadcast()
		p.mu.Unlock()
	}
	_ = p.cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.more.Broadcast()
}

// waitFor waits for a log line with that message and returns it.
func (p *process) waitFor(message string) map[string]any {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := 0; ; i++ {
		for i == len(p.lines) {
			if p.ended {
				p.t.Fatalf("the function ended without the log line %q:\n%s", message, strings.Join(p.raw, "\n"))
			}
			p.more.Wait()
		}
		if p.lines[i]["msg"] == message {
			return p.lines[i]
		}
	}
}

func (p *process) address() string { return p.waitFor("listening")["address"].(string) }

// log is the whole log so far.
func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.raw, "\n")
}

// find returns the log lines that hold all of the texts.
func (p *process) find(texts ...string) []string {
	var out []string
lines:
	for line := range strings.Lines(p.log()) {
		for _, text := range texts {
			if !strings.Contains(line, text) {
				continue lines
			}
		}
		out = append(out, line)
	}
	return out
}

// stop sends SIGTERM and returns the exit code.
func (p *process) stop() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	return p.wait(time.Minute)
}

func (p *process) wait(most time.Duration) int {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), most)
	defer cancel()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-ctx.Done():
		p.t.Fatalf("the function did not end within %v", most)
		return -1
	}
}
