package provider

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/openfaas/faas-provider/types"

	"github.com/trustbridge/trustbridge/test/openfaas/image"
	"github.com/trustbridge/trustbridge/test/openfaas/manifest"
)

// startMost is how long a pod may take to be ready. This machine may be busy.
const startMost = 20 * time.Second

// End is how a pod ended.
type End struct {
	// Function is its name.
	Function string
	// Took is the time from SIGTERM until it was gone.
	Took time.Duration
	// Code is its exit code, -1 if it was killed.
	Code int
	// Peak is the most memory that it had, in bytes.
	Peak int64
	// Written are the paths that it made in its root.
	Written []string
}

// pod is a function's process.
type pod struct {
	deployment types.FunctionDeployment
	address    string // without a port
	root       string
	files      int // in root, when it started
	cmd        *exec.Cmd
	log        *tail
	created    time.Time
	ended      chan struct{} // closed when it has
}

// start starts a pod and returns when both probes say yes. An error has what the program printed.
func start(ctx context.Context, d types.FunctionDeployment, i *image.Image, folder string, mounts map[string][]byte, environment map[string]string, output io.Writer) (*pod, error) {
	f := &pod{deployment: d, address: freeAddress(ctx), created: time.Now(), log: &tail{}, ended: make(chan struct{})}
	var err error
	if f.root, err = os.MkdirTemp(folder, d.Service); err != nil {
		return nil, err
	}
	if err := os.Chmod(f.root, 0o755); err != nil { //nolint:gosec // the pod's user must get in
		return nil, err
	}
	if err := link(i.Root, f.root); err != nil {
		return nil, err
	}
	for path, content := range mounts {
		if err := write(f.root, path, content); err != nil {
			return nil, err
		}
	}
	before, err := list(f.root)
	if err != nil {
		return nil, err
	}
	f.files = len(before)
	f.cmd = command(context.WithoutCancel(ctx), i, f.root) // it ends by stop
	f.cmd.Env = []string{"ADDRESS=" + f.address}           // its own; Kubernetes would give it a network of its own instead
	for _, from := range []map[string]string{environment, d.EnvVars} {
		for name, value := range from {
			f.cmd.Env = append(f.cmd.Env, name+"="+value)
		}
	}
	f.cmd.Stdout, f.cmd.Stderr = io.MultiWriter(f.log, output), io.MultiWriter(f.log, output)
	if err := f.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", d.Service, err)
	}
	go func() { _ = f.cmd.Wait(); close(f.ended) }() // stop waits for it
	if err := f.probe(ctx); err != nil {
		_ = f.cmd.Process.Kill()
		<-f.ended
		return nil, fmt.Errorf("%s: %w; it said:\n%s", d.Service, err, f.log)
	}
	return f, nil
}

// command is the image's program under the image's user, with root as its root. Who is not root becomes that user in a user
// namespace.
func command(ctx context.Context, i *image.Image, root string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, i.Entrypoint[0], i.Entrypoint[1:]...) //nolint:gosec // built by the test
	cmd.Dir, cmd.Env = "/", []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Chroot: root, Credential: &syscall.Credential{Uid: i.User, Gid: i.Group, NoSetGroups: true}, Pdeathsig: syscall.SIGKILL,
	}
	if uid, gid := os.Getuid(), os.Getgid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: int(i.User), HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: int(i.Group), HostID: gid, Size: 1}}
	}
	return cmd
}

// probe asks until the pod is ready and healthy.
func (f *pod) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startMost)
	defer cancel()
	for _, path := range []string{manifest.Ready, manifest.Health} {
		for !f.yes(ctx, path) {
			select {
			case <-f.ended:
				return fmt.Errorf("it ended: %s", f.cmd.ProcessState)
			case <-ctx.Done():
				return fmt.Errorf("%s never said yes at %s:%s", path, f.address, manifest.Port)
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
	return nil
}

func (f *pod) yes(ctx context.Context, path string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(f.address, manifest.Port)+path, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}

// stop ends the pod as the kubelet does: SIGTERM, and SIGKILL when the grace is over.
func (f *pod) stop() End {
	e := End{Function: f.deployment.Service}
	e.Peak, _ = f.peak() // it may have died already; then it is 0
	began := time.Now()
	_ = f.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(manifest.Grace, func() { _ = f.cmd.Process.Kill() })
	<-f.ended
	kill.Stop()
	e.Took, e.Code = time.Since(began), f.cmd.ProcessState.ExitCode()
	if after, err := list(f.root); err == nil && len(after) != f.files {
		e.Written = after
	}
	return e
}

// peak is the most memory that the process has had.
func (f *pod) peak() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", f.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if value, found := strings.CutPrefix(line, "VmHWM:"); found {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("the process's status has no VmHWM")
}

// freeAddress is a loopback address at which nobody listens on OpenFaaS's port.
func freeAddress(ctx context.Context) string {
	for {
		address := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(address, manifest.Port))
		if err == nil {
			_ = l.Close()
			return address
		}
		if ctx.Err() != nil {
			return "127.0.0.1"
		}
	}
}

// link makes a copy of a tree in which files are links.
func link(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		if d.IsDir() {
			return os.MkdirAll(target, 0o755) //nolint:gosec // the pod's user must get in
		}
		return os.Link(path, target) //nolint:gosec // a tree of the test's own
	})
}

// list are the paths in a tree.
func list(root string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		out = append(out, strings.TrimPrefix(path, root))
		return err
	})
	return out, err
}

// tail keeps the first lines that a program printed.
type tail struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (t *tail) Write(b []byte) (int, error) {
	const most = 64 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.text.Len() < most {
		t.text.Write(b)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out strings.Builder
	scan := bufio.NewScanner(bytes.NewReader(t.text.Bytes()))
	for scan.Scan() {
		out.WriteString("  " + scan.Text() + "\n")
	}
	return out.String()
}
