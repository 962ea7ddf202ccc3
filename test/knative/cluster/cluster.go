package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/dynamic"
)

// Config is what a cluster is. Programs, State and Module must be set.
type Config struct {
	// Programs is the folder with the built programs: server (etcd's), kube-apiserver, kubectl, controllers (ours), ingress,
	// filter, webhook and queue.
	Programs string
	// State is the folder for what it writes, logs above all: NAME.log of each process. It is emptied at the start.
	State string
	// Module is the folder of the module whose go.mod says which Knative this is.
	Module string
	// Logger gets what the node does; nil discards it.
	Logger *slog.Logger
	// Step is told what is done, as it is done; nil for nobody.
	Step func(what string)
}

// Cluster is a cluster at work. Safe for concurrent use.
type Cluster struct {
	config   Config
	registry string

	host  *namespace
	names *names
	proxy string // address of names
	node  *node

	cancel  context.CancelFunc
	tasks   sync.WaitGroup
	mu      sync.Mutex // guards what follows
	closers []io.Closer
	started []*process
	stopped bool
}

// Start starts a cluster and returns when all of it is ready. It works until Stop; ctx bounds the start alone.
func Start(ctx context.Context, config Config) (*Cluster, error) {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Step == nil {
		config.Step = func(string) {}
	}
	for _, folder := range []*string{&config.Programs, &config.State, &config.Module} {
		absolute, err := filepath.Abs(*folder)
		if err != nil {
			return nil, err
		}
		*folder = absolute
	}
	c := &Cluster{config: config}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) (err error) {
	if err := errors.Join(os.RemoveAll(c.config.State), os.MkdirAll(c.config.State, 0o755)); err != nil { //nolint:gosec // pods' users pass here
		return err
	}
	if c.host, err = c.newNamespace(false); err != nil {
		return err
	}
	c.names = newNames()
	if c.proxy, err = c.serve(ctx, c.names); err != nil {
		return err
	}
	if c.registry, err = c.serve(ctx, newRegistry()); err != nil {
		return err
	}
	if err := pushBase(ctx, c.Base()); err != nil {
		return fmt.Errorf("make the base image: %w", err)
	}
	api, err := c.startKubernetes(ctx)
	if err != nil {
		return err
	}
	c.config.Step("etcd and kube-apiserver are ready")
	return c.startKnative(ctx, api)
}

// Registry is the address of an image registry that pods pull from.
func (c *Cluster) Registry() string { return c.registry }

// Base is a base image in the registry, as ko needs one: CA certificates, and the user 65532.
func (c *Cluster) Base() string { return c.registry + "/base" }

// Stop ends every process and everything else that Start began. Nothing is asked to shut down: the state is thrown away.
func (c *Cluster) Stop() error {
	c.mu.Lock()
	if c.stopped {
		c.mu.Unlock()
		return nil
	}
	c.stopped = true
	cancel, started, closers := c.cancel, slices.Clone(c.started), slices.Clone(c.closers)
	c.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	for _, p := range slices.Backward(started) {
		p.kill()
	}
	var err error
	for _, closer := range slices.Backward(closers) {
		err = errors.Join(err, closer.Close())
	}
	c.tasks.Wait()
	return err
}

// own has Stop close what was opened, or closes it at once if it came too late.
func (c *Cluster) own(closer io.Closer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		_ = closer.Close()
		return
	}
	c.closers = append(c.closers, closer)
}

// serve serves on a free port of loopback and returns the address.
func (c *Cluster) serve(ctx context.Context, h http.Handler) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	c.tasks.Go(func() { _ = s.Serve(l) }) // ends by Close
	c.own(s)
	return l.Addr().String(), nil
}

// The ports of Knative's programs in their namespace: the channel's is a constant, the others follow it.
const (
	channelPort = 8080 + iota
	ingressPort
	filterPort
	eventingWebhookPort
	servingWebhookPort
)

// startKnative installs and starts Eventing and Serving, all in one network namespace, since the channel insists on its port.
func (c *Cluster) startKnative(ctx context.Context, api string) error {
	ns, err := c.newNamespace(true)
	if err != nil {
		return err
	}
	for _, address := range []string{api, c.proxy, c.registry} {
		if err := ns.reach(address, address); err != nil {
			return err
		}
	}
	at := make(map[int]string)
	for port := channelPort; port <= servingWebhookPort; port++ {
		if at[port], err = ns.expose(fmt.Sprintf("127.0.0.1:%d", port)); err != nil {
			return err
		}
	}
	c.names.set("*-kn-channel.*", at[channelPort])
	c.names.set("broker-ingress.knative-eventing", at[ingressPort])
	c.names.set("broker-filter.knative-eventing", at[filterPort])

	config, err := c.clientConfig()
	if err != nil {
		return err
	}
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	if err := c.install(ctx, objects, map[string]string{"eventing-webhook": at[eventingWebhookPort], "webhook": at[servingWebhookPort]}); err != nil {
		return err
	}
	c.config.Step("Knative's definitions, configuration and webhooks are there")

	var programs []*process
	for i, p := range []struct{ name, program, part, environment string }{
		{"eventing", "controllers", "eventing", "WEBHOOK_NAME=eventing-webhook WEBHOOK_PORT=8083 DISPATCHER_IMAGE=process CONTAINER_NAME=dispatcher MAX_IDLE_CONNS=100 MAX_IDLE_CONNS_PER_HOST=100"},
		{"broker-ingress", "ingress", "eventing", "CONTAINER_NAME=ingress INGRESS_PORT=8081 INGRESS_PORT_HTTPS=8481"},
		{"broker-filter", "filter", "eventing", "CONTAINER_NAME=filter FILTER_PORT=8082 FILTER_PORT_HTTPS=8482 NAMESPACE="},
		{"serving", "controllers", "serving", ""},
		{"serving-webhook", "webhook", "serving", "WEBHOOK_NAME=webhook WEBHOOK_PORT=8084"},
	} {
		cmd := exec.Command(filepath.Join(c.config.Programs, p.program), p.part) //nolint:gosec,noctx // ends by Stop; only controllers looks at the argument
		cmd.Env = slices.Concat([]string{
			"HTTP_PROXY=http://" + c.proxy, "KUBECONFIG=" + c.file("kubeconfig-"+p.part),
			"SYSTEM_NAMESPACE=knative-" + p.part, "NAMESPACE=knative-" + p.part, "POD_NAME=pod", "POD_IP=127.0.0.1",
			"CONFIG_LOGGING_NAME=config-logging", "CONFIG_OBSERVABILITY_NAME=config-observability", fmt.Sprintf("PROFILING_PORT=%d", 8100+i),
		}, strings.Fields(p.environment)) // of two with one name the last wins
		one, err := c.spawn(ns, p.name, cmd)
		if err != nil {
			return err
		}
		programs = append(programs, one)
	}
	if c.node, err = newNode(c, config); err != nil {
		return err
	}
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c.mu.Lock()
	c.cancel = cancel
	c.mu.Unlock()
	c.tasks.Go(func() { c.node.loop(work) })
	if err := wait(ctx, "Knative", time.Minute, func() bool { return c.ready(ctx) }, programs...); err != nil {
		return err
	}
	c.config.Step("Eventing and Serving are ready: controllers, webhooks, broker ingress and filter, in-memory channel")
	return nil
}

// ready tells whether ingress and filter are up and every webhook has been given its certificate.
func (c *Cluster) ready(ctx context.Context) bool {
	for _, service := range []string{"broker-ingress.knative-eventing", "broker-filter.knative-eventing"} {
		if probe(ctx, c.Address(service), &corev1.HTTPGetAction{Path: "/healthz"}) != nil {
			return false
		}
	}
	out, err := c.Kubectl(ctx, nil, "get", "mutatingwebhookconfigurations,validatingwebhookconfigurations",
		"-o", `jsonpath={range .items[*].webhooks[*]}{.name}:{.clientConfig.caBundle}{"\n"}{end}`)
	return err == nil && !bytes.Contains(out, []byte(":\n"))
}

// Kubectl runs kubectl as the administrator and returns what it printed. An error has that too.
func (c *Cluster) Kubectl(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	all := append([]string{"--kubeconfig", c.file("kubeconfig"), "--cache-dir", c.file("kubectl")}, args...)
	cmd := exec.CommandContext(ctx, filepath.Join(c.config.Programs, "kubectl"), all...) //nolint:gosec // built by the target
	cmd.Stdin = stdin
	out, err := cmd.CombinedOutput()
	if err != nil {
		return out, fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return out, nil
}

func (c *Cluster) file(name string) string { return filepath.Join(c.config.State, name) }
