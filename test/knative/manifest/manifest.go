// Package manifest reads what deploy/knative makes of itself as Knative does, and more strictly.
//
// [Check] renders a kustomization by kustomize's own code, has each object decoded, defaulted and admitted by Kubernetes' and
// Knative's own types and admission code, and lists what is wrong; then what Knative takes although it cannot work as we mean it.
// [Admit] and [Problems] are the two halves.
//
// It promises no more than admission does: whether a Secret exists, or an image can be pulled, only a cluster knows.
package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// Object is one object of a manifest.
type Object struct {
	metav1.TypeMeta `json:",inline"`
	// Metadata is read without strictness, so that there is a name also for what cannot be decoded.
	Metadata metav1.ObjectMeta `json:"metadata"`
	// Text is the object as JSON.
	Text []byte `json:"-"`
}

// String is the object's kind and name.
func (o *Object) String() string { return o.Kind + " " + o.Metadata.Name }

// Load copies a folder of the disk into memory, where it can be changed and rendered.
func Load(folder string) (filesys.FileSystem, error) {
	memory := filesys.MakeFsInMemory()
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path) //nolint:gosec // our own manifests
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		return memory.WriteFile(filepath.Join("/", relative), text)
	})
	return memory, err
}

// Render is what kubectl kustomize prints for a folder.
func Render(files filesys.FileSystem, folder string) ([]byte, error) {
	objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, folder)
	if err != nil {
		return nil, err
	}
	return objects.AsYaml()
}

// Split are the objects of a YAML text with several documents.
func Split(text []byte) ([]*Object, error) {
	var out []*Object
	for d := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096); ; {
		var raw json.RawMessage
		if err := d.Decode(&raw); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, err
		}
		if len(raw) == 0 || string(raw) == "null" {
			continue
		}
		o := &Object{Text: raw}
		if err := json.Unmarshal(raw, o); err != nil {
			return nil, err
		}
		out = append(out, o)
	}
}

// decode decodes strictly into the kind's own type.
func (o *Object) decode() (any, error) {
	var v any
	switch o.APIVersion + " " + o.Kind {
	case "serving.knative.dev/v1 Service":
		v = &servingv1.Service{}
	case "eventing.knative.dev/v1 Broker":
		v = &eventingv1.Broker{}
	case "eventing.knative.dev/v1 Trigger":
		v = &eventingv1.Trigger{}
	case "v1 Namespace":
		v = &corev1.Namespace{}
	case "v1 ServiceAccount":
		v = &corev1.ServiceAccount{}
	case "v1 Service":
		v = &corev1.Service{}
	case "v1 ConfigMap":
		v = &corev1.ConfigMap{}
	case "apps/v1 Deployment":
		v = &appsv1.Deployment{}
	default:
		return nil, fmt.Errorf("kind %s of %s is not known here; a typo?", o.Kind, o.APIVersion)
	}
	d := json.NewDecoder(bytes.NewReader(o.Text))
	d.DisallowUnknownFields()
	return v, d.Decode(v)
}

// Check lists what is wrong with the kustomization in a folder, in a fixed order; nothing if it can be applied once ko has
// resolved its images. Each line begins with the object's kind and name.
func Check(files filesys.FileSystem, folder string) []string {
	text, err := Render(files, folder)
	if err != nil {
		return []string{err.Error()}
	}
	objects, err := Split(text)
	if err != nil {
		return []string{err.Error()}
	}
	var out []string
	var admitted []*Object
	for _, o := range objects {
		if err := Admit(o); err != nil {
			out = append(out, o.String()+": "+err.Error())
			continue
		}
		admitted = append(admitted, o)
	}
	return append(out, problems(admitted, objects)...)
}
