package cluster

import (
	"bytes"
	"context"
	_ "embed" // stand-ins.yaml
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
)

//go:embed stand-ins.yaml
var standIns []byte

// shipped are the folders with the manifests that Knative's own modules carry: definitions, configuration, webhooks.
func shipped() map[string][]string {
	return map[string][]string{
		"knative.dev/eventing": {
			"config/core/resources", "config/core/configmaps", "config/core/webhooks",
			"config/channels/in-memory-channel/resources", "config/channels/in-memory-channel/configmaps",
		},
		"knative.dev/serving":    {"config/core/300-resources", "config/core/configmaps", "config/core/webhooks"},
		"knative.dev/networking": {"config"},
		"knative.dev/caching":    {"config"},
	}
}

// dispatcherReady is the status of the channel's Deployment, whose part a process of ours plays.
const dispatcherReady = `{"status": {"conditions": [{"type": "Available", "status": "True"}], "replicas": 1, "readyReplicas": 1, "availableReplicas": 1}}`

// install applies these and our stand-ins. The API server finds the webhooks at the addresses given, by the name of their Service.
func (c *Cluster) install(ctx context.Context, client dynamic.Interface, webhooks map[string]string) error {
	objects, err := decode(standIns)
	if err != nil {
		return err
	}
	for module, folders := range shipped() {
		list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module) //nolint:gosec // our own names
		list.Dir = c.config.Module
		dir, err := list.Output()
		if err != nil {
			return fmt.Errorf("find module %s: %w", module, err)
		}
		for _, folder := range folders {
			more, err := read(filepath.Join(strings.TrimSpace(string(dir)), folder))
			if err != nil {
				return err
			}
			objects = append(objects, more...)
		}
	}
	first, rest, definitions, err := sorted(objects, webhooks)
	if err != nil {
		return err
	}
	for _, some := range [][]*unstructured.Unstructured{first, rest} {
		if err := apply(ctx, client, some); err != nil {
			return err
		}
	}
	if _, err := c.Kubectl(ctx, nil, "patch", "-n", "knative-eventing", "deployment", "imc-dispatcher", "--subresource=status", "--type=merge", "-p", dispatcherReady); err != nil {
		return err
	}
	return wait(ctx, "Knative's definitions", 20*time.Second, func() bool { // kubectl wait takes 0.1 s for each
		out, err := c.Kubectl(ctx, nil, "get", "crd", "-o", `jsonpath={.items[*].status.conditions[?(@.type=="Established")].status}`)
		return err == nil && bytes.Count(out, []byte("True")) == definitions
	})
}

// sorted are the objects in two parts, of which the second needs the first, changed where a lone machine differs from a cluster.
func sorted(objects []*unstructured.Unstructured, webhooks map[string]string) (first, rest []*unstructured.Unstructured, definitions int, err error) {
	for _, o := range objects {
		switch kind, name := o.GetKind(), o.GetName(); {
		case kind == "Namespace":
			first = append(first, o)
		case kind == "CustomResourceDefinition":
			first = append(first, o)
			definitions++
		case name == "config.webhook.eventing.knative.dev", name == "sinkbindings.webhook.sources.knative.dev":
			// nobody serves them here
		case strings.HasSuffix(kind, "WebhookConfiguration"):
			err = errors.Join(err, redirect(o, webhooks))
			rest = append(rest, o)
		case name == "config-deployment": // refers to an image that ko would build
			err = errors.Join(err, unstructured.SetNestedField(o.Object, "queue-proxy", "data", "queue-sidecar-image"))
			rest = append(rest, o)
		default:
			rest = append(rest, o)
		}
	}
	return first, rest, definitions, err
}

// redirect gives a webhook configuration the ports at which the webhooks are.
func redirect(o *unstructured.Unstructured, webhooks map[string]string) error {
	list, _, err := unstructured.NestedSlice(o.Object, "webhooks")
	if err != nil {
		return err
	}
	for _, w := range list {
		w, ok := w.(map[string]any)
		if !ok {
			return fmt.Errorf("%s has a webhook that is no object", o.GetName())
		}
		service, _, err := unstructured.NestedString(w, "clientConfig", "service", "name")
		if err != nil {
			return err
		}
		_, text, err := net.SplitHostPort(webhooks[service])
		if err != nil {
			return fmt.Errorf("webhook %s: %w", service, err)
		}
		port, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return err
		}
		if err := unstructured.SetNestedField(w, port, "clientConfig", "service", "port"); err != nil {
			return err
		}
	}
	return unstructured.SetNestedSlice(o.Object, list, "webhooks")
}

// read decodes the YAML files of a folder.
func read(folder string) ([]*unstructured.Unstructured, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil || files == nil {
		return nil, fmt.Errorf("there are no manifests in %s: %w", folder, errors.Join(err, os.ErrNotExist))
	}
	var objects []*unstructured.Unstructured
	for _, f := range files {
		text, err := os.ReadFile(f) //nolint:gosec // of Knative's module
		if err != nil {
			return nil, err
		}
		more, err := decode(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		objects = append(objects, more...)
	}
	return objects, nil
}

func decode(text []byte) (objects []*unstructured.Unstructured, err error) {
	for d := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096); ; {
		o := &unstructured.Unstructured{}
		if err := d.Decode(&o.Object); errors.Is(err, io.EOF) {
			return objects, nil
		} else if err != nil {
			return nil, err
		}
		if o.Object != nil {
			objects = append(objects, o)
		}
	}
}

// apply sends objects, eight at a time.
func apply(ctx context.Context, client dynamic.Interface, objects []*unstructured.Unstructured) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, o := range objects {
		g.Go(func() error {
			r, _ := meta.UnsafeGuessKindToResource(o.GroupVersionKind())
			_, err := client.Resource(r).Namespace(o.GetNamespace()).Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: "cluster", Force: true})
			if err != nil {
				return fmt.Errorf("apply %s %s: %w", o.GetKind(), o.GetName(), err)
			}
			return nil
		})
	}
	return g.Wait()
}
