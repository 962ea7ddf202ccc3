package manifest

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventingduck "knative.dev/eventing/pkg/apis/duck/v1"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	"knative.dev/serving/pkg/apis/autoscaling"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
)

// What the functions and Knative fix.
const (
	// Ready is the functions' path for the readiness probe.
	Ready = "/readyz"
	// Live is that for the liveness probe.
	Live = "/healthz"
	// Quiet is how long queue-proxy waits without a request before the function is told to end.
	// Source: https://github.com/knative/serving/blob/main/pkg/queue/drain/drain.go
	Quiet = 30 * time.Second
	// endReserve is what a function keeps of its GRACE to end, as docs/configuration.md says.
	endReserve = 2 * time.Second
	// KoScheme begins the name of an image that ko is to build.
	KoScheme = "ko://"
	// functionPath is where the functions are for ko.
	functionPath = KoScheme + "github.com/trustbridge/trustbridge/functions/"

	visibility   = "networking.knative.dev/visibility"
	clusterLocal = "cluster-local"
)

// Problems lists what Knative would take although it cannot work as we mean it, in a fixed order. Objects that cannot be decoded
// are passed over: Admit has said so.
func Problems(objects []*Object) []string { return problems(objects, objects) }

// problems looks at some objects; all are what they may refer to.
func problems(some, all []*Object) []string {
	var out []string
	for _, o := range some {
		v, err := o.decode()
		if err != nil {
			continue
		}
		var found []string
		switch v := v.(type) {
		case *servingv1.Service:
			found = slices.Concat(reach(v), scaling(v), pod(&v.Spec.Template, all), times(v, brokerTimeout(some)))
		case *eventingv1.Broker:
			found = broker(v, all)
		case *eventingv1.Trigger:
			found = trigger(v, all)
		}
		for _, p := range found {
			out = append(out, o.String()+": "+p)
		}
	}
	return out
}

// Unresolved are the images that ko would have to build. Knative takes such a name, and then the revision cannot start.
func Unresolved(objects []*Object) []string {
	var out []string
	for _, o := range objects {
		if v, err := o.decode(); err == nil {
			if s, ok := v.(*servingv1.Service); ok {
				for _, c := range s.Spec.Template.Spec.Containers {
					if strings.HasPrefix(c.Image, KoScheme) {
						out = append(out, o.String()+": image "+c.Image+" is for ko: pipe the manifests through ko resolve")
					}
				}
			}
		}
	}
	return out
}

func has(all []*Object, kind, name string) bool {
	return slices.ContainsFunc(all, func(o *Object) bool { return o.Kind == kind && o.Metadata.Name == name })
}

// reach is who may call a Service.
func reach(s *servingv1.Service) []string {
	if got := s.Labels[visibility]; got != clusterLocal {
		return []string{fmt.Sprintf("label %s is %q, so the Service is on the public gateway; want %s", visibility, got, clusterLocal)}
	}
	return nil
}

// scaling looks at the annotations, which Knative does not know when they are misspelt.
func scaling(s *servingv1.Service) []string {
	var out []string
	a := s.Spec.Template.Annotations
	for name := range a {
		if name != autoscaling.MinScaleAnnotationKey && name != autoscaling.MaxScaleAnnotationKey {
			out = append(out, "annotation "+name+" is not known here; a typo?")
		}
	}
	if len(out) > 0 {
		slices.Sort(out)
		return out
	}
	if minimum := a[autoscaling.MinScaleAnnotationKey]; minimum == "" || minimum == "0" {
		out = append(out, "annotation "+autoscaling.MinScaleAnnotationKey+" does not keep a replica; each start signs in anew")
	}
	if a[autoscaling.MaxScaleAnnotationKey] == "" {
		out = append(out, "annotation "+autoscaling.MaxScaleAnnotationKey+" sets no bound")
	}
	return out
}

// pod is what the one container of a function is to be.
func pod(t *servingv1.RevisionTemplateSpec, all []*Object) []string {
	var out []string
	against := func(broken bool, format string, args ...any) {
		if broken {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	spec := &t.Spec
	c := &spec.Containers[0] // admission wants one
	function, isKo := strings.CutPrefix(c.Image, functionPath)
	against(strings.HasPrefix(c.Image, KoScheme) && !isKo, "image %s is none of ours", c.Image)
	against(isKo && !slices.Contains([]string{"publish-sns", "store-dynamodb", "invoke-lambda"}, function), "image %s names no function", c.Image)
	against(len(c.Ports) != 1, "there is not one port, but %d", len(c.Ports))
	out = append(out, probe("readinessProbe", c.ReadinessProbe, Ready, c.Ports)...)
	out = append(out, probe("livenessProbe", c.LivenessProbe, Live, c.Ports)...)
	against(spec.ContainerConcurrency == nil || *spec.ContainerConcurrency != 0, "containerConcurrency is not 0: queue-proxy would keep events")
	against(spec.EnableServiceLinks == nil || *spec.EnableServiceLinks, "enableServiceLinks is not false")
	against(!has(all, "ServiceAccount", spec.ServiceAccountName), "serviceAccountName %q is none of these manifests'", spec.ServiceAccountName)
	_, limited := c.Resources.Limits[corev1.ResourceCPU]
	against(limited, "there is a limit of the processor")
	_, limited = c.Resources.Limits[corev1.ResourceMemory]
	against(!limited, "there is no limit of memory")
	against(!confined(c.SecurityContext), "securityContext allows more than the function needs")
	return append(out, mounts(spec.Volumes, c)...)
}

// probe holds a probe to the path, and to the container's port, which it may name or leave out.
func probe(name string, p *corev1.Probe, path string, ports []corev1.ContainerPort) []string {
	if p == nil || p.HTTPGet == nil {
		return []string{name + " is no httpGet"}
	}
	var out []string
	if p.HTTPGet.Path != path {
		out = append(out, fmt.Sprintf("%s asks %s, want %s", name, p.HTTPGet.Path, path))
	}
	if port := p.HTTPGet.Port.IntValue(); port != 0 && (len(ports) != 1 || port != int(ports[0].ContainerPort)) {
		out = append(out, fmt.Sprintf("%s asks port %d, which is not the container's", name, port))
	}
	return out
}

func confined(s *corev1.SecurityContext) bool {
	yes := func(b *bool) bool { return b != nil && *b }
	return s != nil && s.AllowPrivilegeEscalation != nil && !*s.AllowPrivilegeEscalation && yes(s.ReadOnlyRootFilesystem) && yes(s.RunAsNonRoot) &&
		s.Capabilities != nil && slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) && s.Capabilities.Add == nil &&
		s.SeccompProfile != nil && s.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault
}

// mounts wants every volume to be a Secret, mounted whole, and the binding where the function looks for it.
func mounts(volumes []corev1.Volume, c *corev1.Container) []string {
	var out []string
	var folders []string
	for _, v := range volumes {
		if v.Secret == nil {
			out = append(out, "volume "+v.Name+" is no Secret")
		}
	}
	for _, m := range c.VolumeMounts {
		folders = append(folders, path.Dir(m.MountPath))
		if m.SubPath != "" {
			out = append(out, "volume "+m.Name+" is mounted by subPath, so a rotated Secret never arrives")
		}
		if !m.ReadOnly {
			out = append(out, "volume "+m.Name+" is not mounted read-only")
		}
	}
	if root := variable(c, "SERVICE_BINDING_ROOT"); !slices.Contains(folders, root) {
		out = append(out, fmt.Sprintf("SERVICE_BINDING_ROOT is %q, but nothing is mounted one folder below it", root))
	}
	if auth := variable(c, "AUTH"); auth != "none" {
		out = append(out, fmt.Sprintf("AUTH is %q, but the Broker sends no password; want none", auth))
	}
	return out
}

func variable(c *corev1.Container, name string) string {
	for _, e := range slices.Backward(c.Env) {
		if e.Name == name {
			return e.Value
		}
	}
	return ""
}

func broker(b *eventingv1.Broker, all []*Object) []string {
	d := b.Spec.Delivery
	if d == nil {
		return []string{"there is no delivery: what fails once is lost"}
	}
	var out []string
	if d.Retry == nil || *d.Retry < 1 {
		out = append(out, "retry is not set: what a function answers 503 would be a dead letter at once")
	}
	if d.BackoffPolicy == nil || *d.BackoffPolicy != eventingduck.BackoffPolicyExponential || seconds(d.BackoffDelay) == 0 {
		out = append(out, "backoffPolicy and backoffDelay are no exponential backoff: Retry-After is ignored, and a linear one begins at once")
	}
	if seconds(d.Timeout) == 0 {
		out = append(out, "timeout is not set in the form PT30S")
	}
	switch sink := d.DeadLetterSink; {
	case sink == nil || sink.Ref == nil:
		out = append(out, "deadLetterSink names nothing by ref: a failed event would be the sender's 500")
	case sink.Ref.Namespace == "" && !has(all, sink.Ref.Kind, sink.Ref.Name):
		out = append(out, "deadLetterSink "+sink.Ref.Kind+" "+sink.Ref.Name+" is none of these manifests'")
	}
	return out
}

func trigger(t *eventingv1.Trigger, all []*Object) []string {
	var out []string
	if t.Spec.Delivery != nil {
		out = append(out, "it has a delivery of its own, which replaces the Broker's retry, backoff and timeout")
	}
	if len(t.Spec.Filters) == 0 {
		out = append(out, "it has no filters, so it gets everything, its own function's answers too")
	}
	if ref := t.Spec.Subscriber.Ref; ref == nil || !has(all, ref.Kind, ref.Name) {
		out = append(out, "subscriber is no ref to one of these manifests' Services")
	}
	if !has(all, "Broker", t.Spec.Broker) {
		out = append(out, "broker "+t.Spec.Broker+" is none of these manifests'")
	}
	return out
}
