// Package provider is an OpenFaaS provider that runs functions as processes of this machine. Routing and proxying are
// OpenFaaS's own (faas-provider), as in faas-netes and faasd, so that /function/NAME behaves as it does there.
//
// [Provider.Serve] serves the API that faas-cli and the gateway speak. A pod is a process whose root is the image's, with the
// secrets where OpenFaaS mounts them, under the image's user, at an address of its own on the loopback interface, where it is
// probed and called at OpenFaaS's port. It can write nothing.
//
// Linux only: it needs addresses below 127.0.0.0/8, and a root of its own for each process (root, or else user namespaces).
// Not real: the kubelet, limits of memory and processor, and scaling.
package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	bootstrap "github.com/openfaas/faas-provider"
	"github.com/openfaas/faas-provider/logs"
	"github.com/openfaas/faas-provider/proxy"
	"github.com/openfaas/faas-provider/types"

	"github.com/trustbridge/trustbridge/test/openfaas/image"
	"github.com/trustbridge/trustbridge/test/openfaas/manifest"
)

// Provider runs one pod a function.
type Provider struct {
	// Image finds an image by its reference, nil if there is none.
	Image func(reference string) *image.Image
	// Folder is where the pods' roots are made.
	Folder string
	// Mounts are files that every pod has in the place of its image's, by path.
	Mounts map[string][]byte
	// Environment is added to what the functions are deployed with.
	Environment map[string]string
	// Output gets what functions print.
	Output io.Writer

	mu      sync.Mutex // guards what follows
	lag     time.Duration
	pods    map[string]*pod
	others  map[string]url.URL
	secrets map[string][]byte
	ends    []End
	ending  sync.WaitGroup
}

// Serve serves on the port until ctx ends; then it ends the pods and waits for them. The router behind it is global: a program
// can have one Provider. read is how long the proxy waits for an answer.
func (p *Provider) Serve(ctx context.Context, port int, read time.Duration) {
	p.mu.Lock()
	p.pods, p.others, p.secrets = map[string]*pod{}, map[string]url.URL{}, map[string][]byte{}
	p.mu.Unlock()
	conf := types.FaaSConfig{TCPPort: &port, ReadTimeout: read, WriteTimeout: read}
	none := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotImplemented) }
	bootstrap.Serve(ctx, &types.FaaSHandlers{
		FunctionProxy:  proxy.NewHandlerFunc(conf, p, false),
		DeployFunction: p.deploy, UpdateFunction: p.deploy, DeleteFunction: p.remove, FunctionLister: p.list,
		FunctionStatus: none, ScaleFunction: none, Secrets: p.keep, Logs: logs.NewLogHandlerFunc(nil, read),
		Info: func(w http.ResponseWriter, _ *http.Request) {
			answer(w, types.ProviderInfo{Name: "processes", Orchestration: "processes"})
		},
		Health:         func(http.ResponseWriter, *http.Request) {},
		ListNamespaces: func(w http.ResponseWriter, _ *http.Request) { answer(w, []string{"openfaas-fn"}) },
	}, &conf)
	p.mu.Lock()
	for _, f := range p.pods {
		p.ending.Go(func() { p.end(f) })
	}
	p.pods = nil
	p.mu.Unlock()
	p.ending.Wait()
}

// SetLag says how long requests still go to a pod that was told to end, none if it is not called: on a cluster, routers hear
// of it late.
func (p *Provider) SetLag(lag time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lag = lag
}

// Attach puts something of the test's own behind /function/NAME.
func (p *Provider) Attach(name string, address url.URL) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.others[name] = address
}

// Ends are the pods that have ended, in that order.
func (p *Provider) Ends() []End {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]End{}, p.ends...)
}

// Resolve implements proxy.BaseURLResolver. It names no port: OpenFaaS's own code adds it.
func (p *Provider) Resolve(name string) (url.URL, error) {
	name, _, _ = strings.Cut(name, ".") // NAME.NAMESPACE
	p.mu.Lock()
	defer p.mu.Unlock()
	if address, found := p.others[name]; found {
		return address, nil
	}
	f := p.pods[name]
	if f == nil {
		return url.URL{}, fmt.Errorf("%s is not deployed", name)
	}
	return url.URL{Scheme: "http", Host: f.address}, nil
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(http.ErrAbortHandler) // the client has gone
	}
}

// deploy starts a function, or its successor: the old pod is told to end when the new one is ready.
func (p *Provider) deploy(w http.ResponseWriter, r *http.Request) {
	var d types.FunctionDeployment
	if err := json.NewDecoder(r.Body).Decode(&d); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	i := p.Image(d.Image)
	if i == nil {
		http.Error(w, "no image "+d.Image, http.StatusBadRequest)
		return
	}
	mounts, err := p.mounts(d.Secrets)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	next, err := start(r.Context(), d, i, p.Folder, mounts, p.Environment, p.Output)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	p.replace(r.Context(), d.Service, next)
	w.WriteHeader(http.StatusAccepted)
}

// mounts are the files that a pod with these secrets has. Secrets are never optional.
func (p *Provider) mounts(secrets []string) (map[string][]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string][]byte{}
	maps.Copy(out, p.Mounts)
	for _, name := range secrets {
		content, found := p.secrets[name]
		if !found {
			return nil, fmt.Errorf("no secret %s", name)
		}
		out[manifest.Secrets+name] = content
	}
	return out, nil
}

// replace ends the function's pod and puts next in its place, which may be nil; requests go to the old one for the lag. It
// tells whether there was one.
func (p *Provider) replace(ctx context.Context, name string, next *pod) bool {
	p.mu.Lock()
	old, lag := p.pods[name], p.lag
	p.mu.Unlock()
	if old != nil {
		p.ending.Go(func() { p.end(old) })
		select { // by the clock: pods are processes, for which no time is virtual
		case <-time.After(lag):
		case <-ctx.Done():
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if next != nil {
		p.pods[name] = next
	} else {
		delete(p.pods, name)
	}
	return old != nil
}

// end stops a pod and keeps how it ended.
func (p *Provider) end(f *pod) {
	e := f.stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ends = append(p.ends, e)
}

func (p *Provider) remove(w http.ResponseWriter, r *http.Request) {
	var d types.DeleteFunctionRequest
	if err := json.NewDecoder(r.Body).Decode(&d); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	} else if !p.replace(r.Context(), d.FunctionName, nil) {
		http.Error(w, d.FunctionName+" is not deployed", http.StatusNotFound)
	} else {
		w.WriteHeader(http.StatusAccepted)
	}
}

func (p *Provider) list(w http.ResponseWriter, _ *http.Request) {
	out := []types.FunctionStatus{}
	p.mu.Lock()
	for _, f := range p.pods {
		d := f.deployment
		out = append(out, types.FunctionStatus{
			Name: d.Service, Image: d.Image, EnvVars: d.EnvVars, Secrets: d.Secrets, Labels: d.Labels, Annotations: d.Annotations, Limits: d.Limits,
			Requests: d.Requests, ReadOnlyRootFilesystem: d.ReadOnlyRootFilesystem, Replicas: 1, AvailableReplicas: 1, CreatedAt: f.created,
		})
	}
	p.mu.Unlock()
	answer(w, out)
}

// keep takes a secret.
func (p *Provider) keep(w http.ResponseWriter, r *http.Request) {
	var s types.Secret
	if r.Method != http.MethodPost {
		w.WriteHeader(http.StatusNotImplemented)
		return
	}
	if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.secrets[filepath.Base(s.Name)] = []byte(s.Value)
	w.WriteHeader(http.StatusCreated)
}

// Run runs an image's program with arguments and nothing else of a pod, and returns what it printed.
func Run(ctx context.Context, i *image.Image, arguments ...string) (string, error) {
	cmd := command(ctx, i, i.Root)
	cmd.Args = append(cmd.Args, arguments...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// write puts a file into a pod's root for everyone to read, in the place of what is there.
func write(root, path string, content []byte) error {
	full := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil { //nolint:gosec // the pod's user must get in
		return err
	}
	if err := os.Remove(full); err != nil && !os.IsNotExist(err) { // it may be a link to the image's
		return err
	}
	return os.WriteFile(full, content, 0o444) //nolint:gosec // as Kubernetes mounts secrets
}
