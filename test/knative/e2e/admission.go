package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// refusals breaks what is about to be applied, one fault at a time, and has the API server and Knative's webhooks refuse it.
func (s *stage) refusals(ctx context.Context, resolved []byte) {
	for _, b := range [][3]string{
		{"timeoutSeconds: 90", "timeoutSeconds: 900", "expected 0 <= 900 <= 600"},
		{"timeoutSeconds: 90", "timeoutSecond: 90", `unknown field "spec.template.spec.timeoutSecond"`},
		{"timeout: PT30S", "timeout: 30s", "invalid value: 30s"},
		{"name: AUTH", "name: PORT", `"PORT" is a reserved environment variable`},
		{"type = 'sap", "type = = 'sap", "invalid value: type = = 'sap"},
	} {
		broken := bytes.Replace(resolved, []byte(b[0]), []byte(b[1]), 1)
		out, err := s.cluster.Kubectl(ctx, bytes.NewReader(broken), "apply", "--dry-run=server", "-f", "-")
		s.report.prove(fmt.Sprintf("Knative refuses %s: %s", b[1], b[2]), err != nil && bytes.Contains(out, []byte(b[2])) && !bytes.Equal(broken, resolved), failed(err, out)...)
	}
}

// failed is what to show of a refusal that did not come.
func failed(err error, out []byte) []any {
	if err != nil {
		return nil
	}
	return []any{string(out)}
}

// pods asks the API server whether it would take the pods of every Deployment, with queue-proxy as Serving put it in, under the
// namespace's standard; and whether it would refuse them with one right more.
func (s *stage) pods(ctx context.Context) error {
	out, err := s.cluster.Kubectl(ctx, nil, "-n", ns, "get", "deployments", "-o", "json")
	if err != nil {
		return err
	}
	var list appsv1.DeploymentList
	if err := json.Unmarshal(out, &list); err != nil {
		return err
	}
	var refused, taken []string
	for _, d := range list.Items {
		pod := corev1.Pod{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Name: d.Name}, Spec: d.Spec.Template.Spec,
		}
		if out, err := s.dryRun(ctx, &pod); err != nil {
			refused = append(refused, string(out))
		}
		pod.Spec.HostNetwork = true
		if out, err := s.dryRun(ctx, &pod); err == nil || !bytes.Contains(out, []byte(`violates PodSecurity "restricted`)) {
			taken = append(taken, d.Name)
		}
	}
	s.report.prove(fmt.Sprintf("the %d Deployments' pods fit Kubernetes' restricted standard, which the namespace enforces", len(list.Items)),
		len(list.Items) == 4 && refused == nil && taken == nil, strings.Join(append(refused, taken...), "; "))
	return nil
}

func (s *stage) dryRun(ctx context.Context, pod *corev1.Pod) ([]byte, error) {
	text, err := json.Marshal(pod)
	if err != nil {
		return nil, err
	}
	return s.cluster.Kubectl(ctx, bytes.NewReader(text), "-n", ns, "create", "--dry-run=server", "-f", "-")
}
