package deploy

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"

	"google.golang.org/protobuf/encoding/protojson"
	security "istio.io/api/security/v1beta1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// Cluster is what a kustomization makes, by name; everything in one namespace.
type Cluster struct {
	Namespaces      map[string]*corev1.Namespace
	ServiceAccounts map[string]*corev1.ServiceAccount
	Deployments     map[string]*appsv1.Deployment
	Services        map[string]*corev1.Service
	Budgets         map[string]*policyv1.PodDisruptionBudget
	Policies        map[string]*networkingv1.NetworkPolicy
	Authorizations  map[string]*security.AuthorizationPolicy
	Instances       map[string]*ServiceInstance
	Bindings        map[string]*ServiceBinding
	Subscriptions   map[string]*Subscription
	Rules           map[string]*APIRule
}

// ReadKyma builds the folder of files, which are those of deploy/kyma, and reads what comes out. A field or a kind that is not known
// is an error.
func ReadKyma(files fs.FS, folder string) (*Cluster, error) {
	memory := filesys.MakeFsInMemory()
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		return memory.WriteFile(path.Join("/", name), content)
	})
	if err != nil {
		return nil, fmt.Errorf("read deploy/kyma: %w", err)
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(memory, path.Join("/", folder))
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", folder, err)
	}
	c := &Cluster{}
	for _, r := range built.Resources() {
		text, err := r.AsYAML()
		if err != nil {
			return nil, fmt.Errorf("build %s: %w", folder, err)
		}
		if err := c.read(r.GetApiVersion()+" "+r.GetKind(), text); err != nil {
			return nil, fmt.Errorf("read %s %s: %w", r.GetKind(), r.GetName(), err)
		}
	}
	return c, nil
}

func (c *Cluster) read(kind string, text []byte) error {
	switch kind {
	case "v1 Namespace":
		return add(&c.Namespaces, text)
	case "v1 ServiceAccount":
		return add(&c.ServiceAccounts, text)
	case "v1 Service":
		return add(&c.Services, text)
	case "apps/v1 Deployment":
		return add(&c.Deployments, text)
	case "policy/v1 PodDisruptionBudget":
		return add(&c.Budgets, text)
	case "networking.k8s.io/v1 NetworkPolicy":
		return add(&c.Policies, text)
	case "services.cloud.sap.com/v1 ServiceInstance":
		return add(&c.Instances, text)
	case "services.cloud.sap.com/v1 ServiceBinding":
		return add(&c.Bindings, text)
	case "eventing.kyma-project.io/v1alpha2 Subscription":
		return add(&c.Subscriptions, text)
	case "gateway.kyma-project.io/v2 APIRule":
		return add(&c.Rules, text)
	case "security.istio.io/v1 AuthorizationPolicy":
		return c.addAuthorization(text)
	}
	return fmt.Errorf("%s is not a kind that we ship", kind)
}

// named is a pointer to a resource.
type named[T any] interface {
	*T
	metav1.Object
}

// add reads text strictly and keeps it by its name.
func add[T any, P named[T]](to *map[string]P, text []byte) error {
	one := P(new(T))
	if err := yaml.UnmarshalStrict(text, one); err != nil {
		return err
	}
	if *to == nil {
		*to = map[string]P{}
	}
	(*to)[one.GetName()] = one
	return nil
}

// addAuthorization reads one with Istio's own type, which is of protobuf.
func (c *Cluster) addAuthorization(text []byte) error {
	var outer struct {
		head `json:",inline"`
		Spec json.RawMessage `json:"spec"`
	}
	if err := yaml.UnmarshalStrict(text, &outer); err != nil {
		return err
	}
	var spec security.AuthorizationPolicy
	if err := protojson.Unmarshal(outer.Spec, &spec); err != nil {
		return err
	}
	if c.Authorizations == nil {
		c.Authorizations = map[string]*security.AuthorizationPolicy{}
	}
	c.Authorizations[outer.Name] = &spec
	return nil
}

// selects tells whether a selector takes pods with these labels. An empty one takes all.
func selects(selector *metav1.LabelSelector, labels map[string]string) bool {
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && s.Matches(set(labels))
}

// set is labels, as selectors ask for them.
type set map[string]string

func (s set) Has(label string) bool              { _, has := s[label]; return has }
func (s set) Get(label string) string            { return s[label] }
func (s set) Lookup(label string) (string, bool) { value, has := s[label]; return value, has }
