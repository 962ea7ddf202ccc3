package deploy

import (
	"bufio"
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
)

// bin is the folder of the built functions.
var bin string

func TestMain(m *testing.M) {
	code := 1
	var err error
	if bin, err = os.MkdirTemp("", "trustbridge-deploy"); err == nil {
		build := exec.Command("go", "build", "-o", bin+"/", "./functions/...") // with the versions of the functions' own module
		build.Dir, build.Stdout, build.Stderr = "../..", os.Stderr, os.Stderr
		if err = build.Run(); err == nil {
			code = m.Run()
		}
		_ = os.RemoveAll(bin)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// facts are asked once.
var facts = sync.OnceValues(func() (Facts, error) {
	settings, err := readSettings(context.Background(), bin)
	return Facts{Settings: settings, Live: "/healthz", Ready: "/readyz", Reserve: 2 * time.Second}, err
})

func theFacts(t *testing.T) Facts {
	t.Helper()
	f, err := facts()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// process is a function at work.
type process struct {
	*exec.Cmd
	url   string
	mutex sync.Mutex
	log   strings.Builder
	ended chan error
}

// start starts a function with exactly this environment, and waits until it listens.
func start(t *testing.T, function string, environment map[string]string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(filepath.Join(bin, function)), ended: make(chan error, 1)}
	for name, value := range environment {
		p.Env = append(p.Env, name+"="+value)
	}
	stderr, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	listening := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			var line struct{ Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "listening" {
				listening <- line.Address
			}
			p.mutex.Lock()
			p.log.WriteString(lines.Text() + "\n")
			p.mutex.Unlock()
		}
		p.ended <- p.Wait()
	}()
	t.Cleanup(func() { _ = p.Process.Kill() })
	select {
	case address := <-listening:
		p.url = "http://" + strings.Replace(address, "[::]", "127.0.0.1", 1)
	case err := <-p.ended:
		t.Fatalf("%s ended: %v\n%s", function, err, p.said())
	case <-time.After(20 * time.Second):
		t.Fatalf("%s does not listen after 20 s\n%s", function, p.said())
	}
	return p
}

func (p *process) said() string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.log.String()
}

// end ends it as platforms do, and wants it gone in the time that the platform gives.
func (p *process) end(t *testing.T, within time.Duration) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-p.ended:
		if err != nil {
			t.Errorf("after SIGTERM: %v\n%s", err, p.said())
		}
	case <-time.After(within):
		t.Errorf("not ended %v after SIGTERM\n%s", within, p.said())
	}
}

// answer is the status of a request, and the body.
func answer(t *testing.T, method, url string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}
