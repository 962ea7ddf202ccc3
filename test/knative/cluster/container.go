package cluster

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// environment is a container's, as NAME=value. What stands later wins, as env does over envFrom.
func (n *node) environment(ctx context.Context, ns string, c *corev1.Container) ([]string, error) {
	var out []string
	for _, from := range c.EnvFrom {
		s, err := n.source(ctx, ns, secretOf(from.SecretRef), configMapOf(from.ConfigMapRef))
		if err != nil {
			return nil, err
		}
		for name, value := range s {
			out = append(out, from.Prefix+name+"="+value)
		}
	}
	for _, e := range c.Env {
		value, err := n.value(ctx, ns, &e)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name, err)
		}
		out = append(out, e.Name+"="+value)
	}
	return out, nil
}

func (n *node) value(ctx context.Context, ns string, e *corev1.EnvVar) (string, error) {
	from := e.ValueFrom
	switch {
	case from == nil:
		return e.Value, nil
	case from.FieldRef != nil:
		return "127.0.0.1", nil // of the pod: its name or its address
	case from.SecretKeyRef != nil:
		r := from.SecretKeyRef
		s, err := n.source(ctx, ns, &named{r.Name, r.Optional}, nil)
		return s[r.Key], err
	case from.ConfigMapKeyRef != nil:
		r := from.ConfigMapKeyRef
		s, err := n.source(ctx, ns, nil, &named{r.Name, r.Optional})
		return s[r.Key], err
	}
	return "", fmt.Errorf("comes from %v, which is not known here", from)
}

// mount writes the container's Secrets and ConfigMaps into its root.
func (n *node) mount(ctx context.Context, d *appsv1.Deployment, c *corev1.Container, root string) error {
	for _, m := range c.VolumeMounts {
		i := slices.IndexFunc(d.Spec.Template.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name })
		if i < 0 || m.SubPath != "" {
			return fmt.Errorf("mount %s is of no volume, or of a part of one", m.Name)
		}
		var secret, configMap *named
		switch v := d.Spec.Template.Spec.Volumes[i]; {
		case v.Secret != nil:
			secret = &named{v.Secret.SecretName, v.Secret.Optional}
		case v.ConfigMap != nil:
			configMap = &named{v.ConfigMap.Name, v.ConfigMap.Optional}
		default:
			return fmt.Errorf("volume %s is of a kind that cannot be mounted here", v.Name)
		}
		files, err := n.source(ctx, d.Namespace, secret, configMap)
		if err != nil {
			return err
		}
		folder := filepath.Join(root, m.MountPath)
		if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // the pod's user reads it
			return err
		}
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil { //nolint:gosec // as the kubelet writes it
				return err
			}
		}
	}
	return nil
}

// named is a Secret or a ConfigMap.
type named struct {
	name     string
	optional *bool
}

func secretOf(r *corev1.SecretEnvSource) *named {
	if r == nil {
		return nil
	}
	return &named{r.Name, r.Optional}
}

func configMapOf(r *corev1.ConfigMapEnvSource) *named {
	if r == nil {
		return nil
	}
	return &named{r.Name, r.Optional}
}

// missing tells whether err is that there is no such object, and whether that is no matter.
func (s *named) missing(err error) bool {
	return apierrors.IsNotFound(err) && s.optional != nil && *s.optional
}

// source is what the one of the two holds that is not nil.
func (n *node) source(ctx context.Context, ns string, secret, configMap *named) (map[string]string, error) {
	out := make(map[string]string)
	if secret != nil {
		s, err := n.kube.CoreV1().Secrets(ns).Get(ctx, secret.name, metav1.GetOptions{})
		if err != nil {
			if secret.missing(err) {
				return out, nil
			}
			return nil, err
		}
		for name, value := range s.Data {
			out[name] = string(value)
		}
	}
	if configMap != nil {
		m, err := n.kube.CoreV1().ConfigMaps(ns).Get(ctx, configMap.name, metav1.GetOptions{})
		if err != nil {
			if configMap.missing(err) {
				return out, nil
			}
			return nil, err
		}
		maps.Copy(out, m.Data)
	}
	return out, nil
}
