package deploy

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	mesh "istio.io/api/mesh/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

// reporter collects problems of one thing.
type reporter struct {
	of  string
	out []string
}

func (r *reporter) is(broken bool, format string, args ...any) {
	if broken {
		r.out = append(r.out, r.of+": "+fmt.Sprintf(format, args...))
	}
}

// Given is what a container sets itself.
func Given(container corev1.Container) map[string]string {
	out := map[string]string{}
	for _, e := range container.Env {
		out[e.Name] = e.Value
	}
	return out
}

// container checks everything about a function's pod that does not depend on other resources but the binding.
func (c *Cluster) container(f Facts, name string, d *appsv1.Deployment) []string {
	r := &reporter{of: "Deployment " + name}
	pod := d.Spec.Template.Spec
	if len(pod.Containers) != 1 {
		r.is(true, "%d containers, want one", len(pod.Containers))
		return r.out
	}
	one := pod.Containers[0]
	given := Given(one)
	r.is(one.Image != "ko://github.com/trustbridge/trustbridge/functions/"+name, "image %q is not the function of its name", one.Image)
	r.is(len(one.EnvFrom) != 1 || one.EnvFrom[0].ConfigMapRef == nil || one.EnvFrom[0].ConfigMapRef.Name != "trustbridge-"+name ||
		one.EnvFrom[0].ConfigMapRef.Optional != nil, "envFrom is not the ConfigMap trustbridge-%s alone, or is optional", name)
	for _, unknown := range f.unknown(name, slices.Sorted(maps.Keys(given))) {
		r.is(true, "%s is not a setting of the function", unknown)
	}
	for _, e := range one.Env {
		r.is(e.ValueFrom != nil, "%s comes from elsewhere: what changes there would not be seen", e.Name)
	}
	r.probes(f, name, one, given)
	r.mounts(c, one, pod.Volumes, given)
	r.ends(f, name, d, given)
	r.rights(f, name, d, one, given)
	return r.out
}

func (r *reporter) probes(f Facts, name string, one corev1.Container, given map[string]string) {
	port, _ := strconv.Atoi(f.Of(name, given, "PORT"))
	r.is(len(one.Ports) != 1 || int(one.Ports[0].ContainerPort) != port, "the function listens on %d, which is not the one containerPort", port)
	for _, p := range []struct {
		what, path string
		probe      *corev1.Probe
	}{{"livenessProbe", f.Live, one.LivenessProbe}, {"readinessProbe", f.Ready, one.ReadinessProbe}} {
		if p.probe == nil || p.probe.HTTPGet == nil {
			r.is(true, "no %s by httpGet", p.what)
			continue
		}
		get := p.probe.HTTPGet
		r.is(get.Path != p.path, "%s asks %s, want %s", p.what, get.Path, p.path)
		to := get.Port.IntValue()
		for _, port := range one.Ports {
			if get.Port.StrVal != "" && port.Name == get.Port.StrVal {
				to = int(port.ContainerPort)
			}
		}
		r.is(to != port, "%s asks port %s, where nothing listens", p.what, get.Port.String())
	}
}

// mounts checks that the binding's Secret is where the function looks for it, whole and kept fresh, and that every path which
// the function is told lies in a volume.
func (r *reporter) mounts(c *Cluster, one corev1.Container, volumes []corev1.Volume, given map[string]string) {
	secrets := map[string]*corev1.SecretVolumeSource{}
	for _, v := range volumes {
		secrets[v.Name] = v.Secret
	}
	bound := false
	for _, m := range one.VolumeMounts {
		secret := secrets[m.Name]
		r.is(secret == nil, "volume %s is no Secret of the pod", m.Name)
		r.is(m.SubPath != "" || m.SubPathExpr != "", "%s is mounted by subPath, and stays at the first certificate", m.MountPath)
		r.is(!m.ReadOnly, "%s may be written", m.MountPath)
		for _, b := range c.Bindings {
			if secret != nil && secret.SecretName == b.Spec.SecretName {
				bound = bound || path.Dir(m.MountPath) == given["SERVICE_BINDING_ROOT"]
				r.is(secret.Items != nil, "only some files of the binding are mounted, and .metadata may not be among them")
			}
		}
	}
	r.is(!bound, "no ServiceBinding's Secret is a folder in SERVICE_BINDING_ROOT=%s", given["SERVICE_BINDING_ROOT"])
	empty, set := given["DESTINATION_SERVICE_KEY_PATH"]
	r.is(empty != "" || !set, "DESTINATION_SERVICE_KEY_PATH is not empty, and may come from the ConfigMap: the binding would not be looked at")
	if users := given["AUTH_BASIC_USERS_PATH"]; users != "" {
		r.is(!slices.ContainsFunc(one.VolumeMounts, func(m corev1.VolumeMount) bool { return path.Dir(users) == m.MountPath }), "AUTH_BASIC_USERS_PATH=%s is in no volume", users)
	}
}

// ends checks the times of an end.
func (r *reporter) ends(f Facts, name string, d *appsv1.Deployment, given map[string]string) {
	pod, grace := d.Spec.Template.Spec, f.duration(name, given, "GRACE")
	r.is(f.duration(name, given, "REQUEST_TIMEOUT") >= senderDeadline, "REQUEST_TIMEOUT is not below the %v after which Kyma sends again", senderDeadline)
	problem := f.drains(name, given)
	r.is(problem != "", "%s", problem)
	kubelet := time.Duration(0)
	if pod.TerminationGracePeriodSeconds != nil {
		kubelet = time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second
	}
	r.is(kubelet <= grace, "terminationGracePeriodSeconds %v is not above GRACE %v", kubelet, grace)
	var proxy mesh.ProxyConfig
	text, err := yaml.YAMLToJSON([]byte(d.Spec.Template.Annotations["proxy.istio.io/config"]))
	if err == nil {
		err = protojson.Unmarshal(text, &proxy)
	}
	if err != nil {
		r.is(true, "proxy.istio.io/config is not Istio's: %v", err)
		return
	}
	sidecar := proxy.GetTerminationDrainDuration().AsDuration()
	r.is(sidecar < grace, "the sidecar ends %v after SIGTERM, before GRACE %v", sidecar, grace)
	r.is(sidecar >= kubelet, "the sidecar waits %v, which terminationGracePeriodSeconds %v does not give", sidecar, kubelet)
	r.is(!proxy.GetHoldApplicationUntilProxyStarts().GetValue(), "the function starts before its sidecar, and finds no network")
}

// queueCopies is how often a waiting event is held at most while it is sent, and base what a function needs besides; measured, see
// docs/performance.md.
const (
	queueCopies = 3
	base        = 30 << 20
)

// rights checks what a pod may do and use.
func (r *reporter) rights(f Facts, name string, d *appsv1.Deployment, one corev1.Container, given map[string]string) {
	t := d.Spec.Template
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		r.is(true, "Kubernetes' checks: %v", err)
		return
	}
	for _, result := range evaluator.EvaluatePod(api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}, &t.ObjectMeta, &t.Spec) {
		r.is(!result.Allowed, "not restricted: %s: %s", result.ForbiddenReason, result.ForbiddenDetail)
	}
	s := one.SecurityContext
	r.is(s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem, "the root file system may be written")
	r.is(t.Spec.SecurityContext == nil || t.Spec.SecurityContext.FSGroup == nil, "no fsGroup: the user may not be able to read the Secrets")
	r.is(t.Spec.AutomountServiceAccountToken == nil || *t.Spec.AutomountServiceAccountToken, "the token of the service account is mounted")
	r.is(t.Spec.EnableServiceLinks == nil || *t.Spec.EnableServiceLinks, "enableServiceLinks is not false")
	r.is(t.Labels["sidecar.istio.io/inject"] != "true", "no label asks for the sidecar")
	r.is(!one.Resources.Limits.Cpu().IsZero(), "a limit of the processor throttles answers")
	limit := one.Resources.Limits.Memory()
	queue, err := resource.ParseQuantity(strings.TrimSuffix(strings.ReplaceAll(f.Of(name, given, "QUEUE_BYTES"), " ", ""), "B"))
	r.is(err != nil || limit.Value() < queueCopies*queue.Value()+base, "memory limit %s is not enough for QUEUE_BYTES %s", limit, f.Of(name, given, "QUEUE_BYTES"))
	r.is(one.Resources.Requests.Memory().IsZero() || one.Resources.Requests.Cpu().IsZero(), "no requests")
}
