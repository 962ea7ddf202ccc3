package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	netapi "knative.dev/networking/pkg/apis/networking/v1alpha1"
	netclient "knative.dev/networking/pkg/client/clientset/versioned"
	servingclient "knative.dev/serving/pkg/client/clientset/versioned"
)

// node stands in for what a cluster has and a lone machine lacks: Deployment controller and kubelet (see pod), for what Serving
// made and nothing else; Knative's autoscaler (one replica, always active); its ingress (routes in names). It asks ten times a
// second what there is to do.
type node struct {
	c       *Cluster
	kube    kubernetes.Interface
	serving servingclient.Interface
	net     netclient.Interface

	mu    sync.Mutex      // guards what follows
	pods  map[string]*pod // :: NAMESPACE/REVISION →
	ends  []End
	names map[string][]string // :: NAMESPACE/REVISION → Services that lead to it
}

// End is how a pod ended that was told to.
type End struct {
	// Service is NAME.NAMESPACE.
	Service string
	// Quiet is the time from the begin of the end until queue-proxy had no more requests and the function got SIGTERM; Took is
	// the time from then until it was gone.
	Quiet, Took time.Duration
	// Code is the function's exit code, -1 if it was killed.
	Code int
}

func newNode(c *Cluster, config *rest.Config) (*node, error) {
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	serving, err := servingclient.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	net, err := netclient.NewForConfig(config)
	return &node{c: c, kube: kube, serving: serving, net: net, pods: make(map[string]*pod), names: make(map[string][]string)}, err
}

// loop works until ctx ends.
func (n *node) loop(ctx context.Context) {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	var said string
	for ctx.Err() == nil {
		for _, step := range []func(context.Context) error{n.deployments, n.autoscalers, n.ingresses} {
			if err := step(ctx); err != nil && ctx.Err() == nil && err.Error() != said {
				said = err.Error()
				n.c.config.Logger.WarnContext(ctx, "the node cannot do what it should", "error", err)
			}
		}
		select {
		case <-ctx.Done():
		case <-again.C:
		}
	}
}

func (n *node) pod(revision string) *pod {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.pods[revision]
}

// deployments starts the pods that are wanted, all at once, and ends those that are not.
func (n *node) deployments(ctx context.Context) error {
	l, err := n.kube.AppsV1().Deployments("").List(ctx, metav1.ListOptions{LabelSelector: "serving.knative.dev/revision"})
	if err != nil {
		return err
	}
	var wanted []string
	var starting sync.WaitGroup
	errs := make([]error, len(l.Items))
	for i := range l.Items {
		d := &l.Items[i]
		revision := d.Namespace + "/" + d.Labels["serving.knative.dev/revision"]
		if *d.Spec.Replicas == 0 {
			continue
		}
		wanted = append(wanted, revision)
		if n.pod(revision) == nil {
			starting.Go(func() { errs[i] = n.startDeployment(ctx, d, revision) })
		}
	}
	starting.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	for revision, p := range n.pods {
		if !slices.Contains(wanted, revision) {
			delete(n.pods, revision)
			n.c.tasks.Go(func() {
				if e, ok := p.terminate(ctx); ok {
					n.mu.Lock()
					defer n.mu.Unlock()
					n.ends = append(n.ends, e)
				}
			})
		}
	}
	return errors.Join(errs...)
}

func (n *node) startDeployment(ctx context.Context, d *appsv1.Deployment, revision string) error {
	p, err := n.start(ctx, d)
	if err != nil {
		return fmt.Errorf("start %s: %w", revision, err)
	}
	n.mu.Lock()
	n.pods[revision] = p
	for _, service := range n.names[revision] {
		n.c.names.set(service, p.address)
	}
	n.mu.Unlock()
	d.Status = appsv1.DeploymentStatus{
		ObservedGeneration: d.Generation, Replicas: 1, ReadyReplicas: 1, UpdatedReplicas: 1, AvailableReplicas: 1,
		Conditions: []appsv1.DeploymentCondition{{Type: appsv1.DeploymentAvailable, Status: corev1.ConditionTrue}, {Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue}},
	}
	_, err = n.kube.AppsV1().Deployments(d.Namespace).UpdateStatus(ctx, d, metav1.UpdateOptions{})
	return err
}

func (n *node) autoscalers(ctx context.Context) error {
	l, err := n.serving.AutoscalingV1alpha1().PodAutoscalers("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	one := int32(1)
	for i := range l.Items {
		pa := &l.Items[i]
		s := &pa.Status
		if n.pod(pa.Namespace+"/"+pa.Name) == nil || s.ObservedGeneration == pa.Generation {
			continue
		}
		s.ObservedGeneration, s.DesiredScale, s.ActualScale = pa.Generation, &one, &one
		s.ServiceName, s.MetricsServiceName = pa.Name, pa.Name+"-private"
		s.MarkSKSReady()
		s.MarkScaleTargetInitialized()
		s.MarkActive()
		if _, err := n.serving.AutoscalingV1alpha1().PodAutoscalers(pa.Namespace).UpdateStatus(ctx, pa, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// ingresses makes routes. Of a split the first part gets all.
func (n *node) ingresses(ctx context.Context) error {
	l, err := n.net.NetworkingV1alpha1().Ingresses("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range l.Items {
		ing := &l.Items[i]
		if ing.Status.ObservedGeneration == ing.Generation {
			continue
		}
		for _, rule := range ing.Spec.Rules {
			if rule.Visibility == netapi.IngressVisibilityExternalIP {
				return fmt.Errorf("%s/%s is on the public gateway, which is not here", ing.Namespace, ing.Name)
			}
			n.route(ing.Namespace+"/"+rule.HTTP.Paths[0].Splits[0].ServiceName, rule.Hosts)
		}
		lb := []netapi.LoadBalancerIngressStatus{{DomainInternal: "ingress.knative-serving" + domain}}
		ing.Status.ObservedGeneration = ing.Generation
		ing.Status.InitializeConditions()
		ing.Status.MarkNetworkConfigured()
		ing.Status.MarkLoadBalancerReady(lb, lb)
		if _, err := n.net.NetworkingV1alpha1().Ingresses(ing.Namespace).UpdateStatus(ctx, ing, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// route has hosts lead to a revision's pod. When the pod ends the routes stay: queue-proxy serves on for a while.
func (n *node) route(revision string, hosts []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, host := range hosts {
		service := strings.TrimSuffix(host, domain)
		if !strings.HasSuffix(host, domain) {
			continue
		}
		n.names[revision] = append(n.names[revision], service)
		if p := n.pods[revision]; p != nil {
			n.c.names.set(service, p.address)
		}
	}
}

// Kill kills the function of a Service, NAME.NAMESPACE, as the system does when memory is short. It is started again.
func (c *Cluster) Kill(service string) error {
	c.node.mu.Lock()
	defer c.node.mu.Unlock()
	for _, p := range c.node.pods {
		if p.service == service {
			return p.killFunction()
		}
	}
	return fmt.Errorf("%s has no pod", service)
}

// Ends are the pods that ended because they were told to.
func (c *Cluster) Ends() []End {
	c.node.mu.Lock()
	defer c.node.mu.Unlock()
	return slices.Clone(c.node.ends)
}
