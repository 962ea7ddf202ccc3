package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// Limits of a pod.
const (
	readyMost = 20 * time.Second // until its probes must say yes
	// afterHook is what the kubelet grants once a preStop hook used up the grace period.
	// Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination-flow
	afterHook = 2 * time.Second
)

// pod is two processes: the function, run by its image's user from its unpacked image as root, and the real queue-proxy in a
// network namespace of its own, since some of its ports are constants. The function shares the machine's network, so that it
// reaches what tests serve there.
type pod struct {
	c       *Cluster
	name    string // NAMESPACE.DEPLOYMENT
	service string // NAME.NAMESPACE of the Knative Service
	grace   time.Duration
	address string // where queue-proxy takes requests
	drain   string // URL of its preStop hook
	queue   *process
	run     func() (*process, error) // starts the function

	mu       sync.Mutex // guards what follows
	function *process
	stopping bool
}

// start runs a pod and returns when queue-proxy calls it ready.
func (n *node) start(ctx context.Context, d *appsv1.Deployment) (p *pod, err error) {
	ns, err := n.c.newNamespace(true)
	if err != nil {
		return nil, err
	}
	spec := &d.Spec.Template.Spec
	p = &pod{
		c: n.c, name: d.Namespace + "." + d.Name, service: d.Labels["serving.knative.dev/service"] + "." + d.Namespace,
		grace: time.Duration(*spec.TerminationGracePeriodSeconds) * time.Second,
	}
	defer func() {
		if err != nil {
			p.function.kill()
			p.queue.kill()
		}
	}()
	i := slices.IndexFunc(spec.Containers, func(c corev1.Container) bool { return c.Name == "queue-proxy" })
	if i < 0 || len(spec.Containers) != 2 {
		return p, errors.New("the pod is not one container and queue-proxy")
	}
	queue, user := &spec.Containers[i], &spec.Containers[1-i]
	port, err := n.prepare(ctx, d, user, p)
	if err != nil {
		return p, err
	}
	// queue-proxy finds the function where it expects it: on its own loopback, at the manifest's port.
	if err := ns.reach("127.0.0.1:"+strconv.Itoa(int(user.Ports[0].ContainerPort)), "127.0.0.1:"+port); err != nil {
		return p, err
	}
	ready, preStop := queue.ReadinessProbe.HTTPGet, user.Lifecycle.PreStop.HTTPGet
	if p.address, err = ns.expose("127.0.0.1:" + ready.Port.String()); err != nil {
		return p, err
	}
	admin, err := ns.expose("127.0.0.1:" + preStop.Port.String())
	if err != nil {
		return p, err
	}
	p.drain = "http://" + admin + preStop.Path
	if p.function, err = p.run(); err != nil {
		return p, err
	}
	cmd := exec.Command(filepath.Join(n.c.config.Programs, "queue")) //nolint:gosec,noctx // ends by Stop
	if cmd.Env, err = n.environment(ctx, d.Namespace, queue); err != nil {
		return p, err
	}
	if p.queue, err = n.c.spawn(ns, p.name+".queue-proxy", cmd); err != nil {
		return p, err
	}
	if err := wait(ctx, "readiness probe", readyMost, func() bool { return probe(ctx, p.address, ready) == nil }, p.queue, p.function); err != nil {
		return p, err
	}
	if l := user.LivenessProbe; l != nil && l.HTTPGet != nil {
		if err := probe(ctx, "127.0.0.1:"+port, l.HTTPGet); err != nil {
			return p, fmt.Errorf("liveness probe: %w", err)
		}
	}
	n.c.tasks.Go(p.keep)
	return p, nil
}

// prepare unpacks the image, mounts volumes, and says how the function is run. It returns the port that it will listen at.
func (n *node) prepare(ctx context.Context, d *appsv1.Deployment, user *corev1.Container, p *pod) (string, error) {
	root := n.c.file(p.name)
	image, err := unpack(ctx, user.Image, root)
	if err != nil {
		return "", err
	}
	if err := n.mount(ctx, d, user, root); err != nil {
		return "", err
	}
	environment, err := n.environment(ctx, d.Namespace, user)
	if err != nil {
		return "", err
	}
	ports, err := freePorts(ctx, 1)
	if err != nil {
		return "", err
	}
	p.run = func() (*process, error) {
		argv := slices.Concat(image.Entrypoint, image.Cmd, user.Args)
		cmd := exec.Command(argv[0], argv[1:]...)                                                   //nolint:gosec,noctx // ends by Stop
		cmd.Dir, cmd.Env = "/", slices.Concat(image.Env, environment, []string{"PORT=" + ports[0]}) // the last one wins
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: credential(image.User)}
		return n.c.spawn(n.c.host, p.name, cmd)
	}
	return ports[0], nil
}

// keep starts the function again whenever it ends.
func (p *pod) keep() {
	for {
		p.mu.Lock()
		f := p.function
		p.mu.Unlock()
		<-f.done
		if !p.again() {
			return
		}
	}
}

func (p *pod) again() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopping {
		return false
	}
	f, err := p.run()
	if err != nil {
		return false
	}
	p.c.config.Logger.Info("the function ended and was started again", "pod", p.name, "ended", p.function.ProcessState.String())
	p.function = f
	return true
}

func (p *pod) killFunction() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.function.Process.Kill()
}

// terminate does what the kubelet does: TERM to queue-proxy, which serves on until it has been quiet for a while; the preStop
// hook that Knative put on the function's container waits for that; then TERM to the function, and KILL when the grace period is
// over, but never less than a moment after the hook. False if the cluster was stopped meanwhile.
func (p *pod) terminate(ctx context.Context) (End, bool) {
	p.mu.Lock()
	p.stopping = true
	f := p.function
	p.mu.Unlock()
	began := time.Now()
	_ = p.queue.Process.Signal(syscall.SIGTERM)
	hook, cancel := context.WithTimeout(ctx, p.grace)
	_, _ = get(hook, http.DefaultClient, p.drain) // whatever it says
	cancel()
	if ctx.Err() != nil {
		return End{}, false
	}
	e := End{Service: p.service, Quiet: time.Since(began)}
	asked := time.Now()
	_ = f.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(max(p.grace-e.Quiet, afterHook), func() { _ = f.Process.Kill() })
	<-f.done
	kill.Stop()
	e.Took, e.Code = time.Since(asked), f.ProcessState.ExitCode()
	return e, true
}

// credential is the image's user, if there is such a user here.
func credential(user string) *syscall.Credential {
	id, err := strconv.ParseUint(user, 10, 32)
	if oneUser() || err != nil {
		return nil
	}
	return &syscall.Credential{Uid: uint32(id), Gid: uint32(id), NoSetGroups: true}
}
