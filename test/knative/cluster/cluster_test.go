package cluster

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestSortedPutsFirstWhatTheRestNeeds(t *testing.T) {
	objects, err := decode([]byte(`
apiVersion: v1
kind: ConfigMap
metadata: {name: config-deployment}
data: {queue-sidecar-image: ko://knative.dev/serving/cmd/queue}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: brokers}
---
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: validation}
webhooks: [{name: a, clientConfig: {service: {name: webhook}}}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: config.webhook.eventing.knative.dev}
---
apiVersion: v1
kind: Namespace
metadata: {name: team}
`))
	if err != nil {
		t.Fatal(err)
	}
	first, rest, definitions, err := sorted(objects, map[string]string{"webhook": "127.0.0.1:4711"})
	if err != nil {
		t.Fatal(err)
	}
	names := func(some []*unstructured.Unstructured) string {
		var out []string
		for _, o := range some {
			out = append(out, o.GetName())
		}
		return strings.Join(out, " ")
	}
	if names(first) != "brokers team" || names(rest) != "config-deployment validation" || definitions != 1 {
		t.Errorf("sorted() = %s; %s; %d definitions; want definitions and namespaces first, and not the webhook that nobody serves", names(first), names(rest), definitions)
	}
	if image, _, _ := unstructured.NestedString(rest[0].Object, "data", "queue-sidecar-image"); image != "queue-proxy" {
		t.Errorf("the sidecar's image is %s, want one that needs no ko", image)
	}
	if text, err := rest[1].MarshalJSON(); err != nil || !strings.Contains(string(text), `"port":4711`) {
		t.Errorf("the webhook is %s (%v), want its port in it", text, err)
	}
	if _, _, _, err := sorted(objects, nil); err == nil {
		t.Error("sorted() = nil without the webhook's address, want an error")
	}
}

func TestReadNeedsManifests(t *testing.T) {
	folder := t.TempDir()
	if _, err := read(folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("read() of an empty folder = %v, want that there are none", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "a.yaml"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := read(folder); err == nil || !strings.Contains(err.Error(), "a.yaml") {
		t.Errorf("read() of what is no YAML = %v, want an error with its name", err)
	}
}

// TestBaseImage pushes the base and unpacks it as a pod does.
func TestBaseImage(t *testing.T) {
	s := httptest.NewServer(newRegistry())
	defer s.Close()
	ref := s.Listener.Addr().String() + "/base"
	if err := pushBase(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(t.TempDir(), "root")
	for range 2 { // what was there is removed
		config, err := unpack(t.Context(), ref, root)
		if err != nil {
			t.Fatal(err)
		}
		if config.User != "65532" {
			t.Errorf("the image's user is %q, want 65532 by number", config.User)
		}
		if err := os.WriteFile(filepath.Join(root, "left-over"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	passwd, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
	info, err2 := os.Stat(filepath.Join(root, "tmp"))
	if err := errors.Join(err, err2); err != nil || !strings.Contains(string(passwd), ":65532:") || info.Mode().Perm() != 0o777 {
		t.Errorf("passwd is %q, tmp is %v (%v); want the user, and a folder for all", passwd, info, err)
	}
	if _, err := unpack(t.Context(), s.Listener.Addr().String()+"/none", root); err == nil {
		t.Error("unpack() of an image that is not there = nil, want an error")
	}
}

func TestWait(t *testing.T) {
	if err := wait(t.Context(), "a thing", 30*time.Millisecond, func() bool { return false }); err == nil || err.Error() != "a thing: not within 30ms" {
		t.Errorf("wait() for ever = %v, want that the time is over", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := wait(ctx, "a thing", time.Minute, func() bool { return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("wait() = %v, want the context's end", err)
	}
	asked := 0
	if err := wait(t.Context(), "a thing", time.Minute, func() bool { asked++; return asked == 3 }); err != nil || asked != 3 {
		t.Errorf("wait() = %v after %d questions, want nil after 3", err, asked)
	}
}

func TestFreePortsDiffer(t *testing.T) {
	ports, err := freePorts(t.Context(), 5)
	slices.Sort(ports)
	if err != nil || len(slices.Compact(ports)) != 5 {
		t.Errorf("freePorts() = %v, %v; want five", ports, err)
	}
}

// TestStopEndsProcesses spawns one that would never end, and one after Stop.
func TestStopEndsProcesses(t *testing.T) {
	c := &Cluster{config: Config{State: t.TempDir()}}
	var err error
	if c.host, err = c.newNamespace(false); err != nil {
		t.Fatal(err)
	}
	p, err := c.spawn(c.host, "sleep", exec.CommandContext(t.Context(), "sh", "-c", "echo begun; exec sleep 300"))
	if err != nil {
		t.Fatal(err)
	}
	if err := wait(t.Context(), "its output", readyMost, func() bool { return c.Log("sleep") == "begun\n" }, p); err != nil {
		t.Fatal(err)
	}
	if bytes, count := c.Memory(); bytes <= 0 || count != 1 {
		t.Errorf("Memory() = %d bytes of %d processes, want some of one", bytes, count)
	}
	if err := c.Stop(); err != nil || !p.ended() {
		t.Errorf("Stop() = %v, ended %t; want nil and the end", err, p.ended())
	}
	if err := c.Stop(); err != nil {
		t.Errorf("a second Stop() = %v, want nil", err)
	}
	if _, err := c.spawn(c.host, "late", exec.CommandContext(t.Context(), "sh")); !errors.Is(err, errStopped) {
		t.Errorf("spawn() after Stop() = %v, want that it is stopped", err)
	}
}
