package deploy

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	security "istio.io/api/security/v1beta1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// Problems lists what is wrong, in a fixed order; nothing if all of it can work together. Each begins with what it is about.
func (c *Cluster) Problems(f Facts) []string {
	var out []string
	r := &reporter{of: "Namespace"}
	r.is(len(c.Namespaces) != 1, "%d of them, want one", len(c.Namespaces))
	for _, n := range c.Namespaces {
		r.is(n.Labels["istio-injection"] != "enabled", "%s does not ask for sidecars", n.Name)
	}
	out = append(out, r.out...)
	for _, name := range slices.Sorted(maps.Keys(c.Bindings)) {
		out = append(out, c.binding(c.Bindings[name])...)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Deployments)) {
		out = append(out, c.container(f, name, c.Deployments[name])...)
		out = append(out, c.around(name)...)
		out = append(out, c.senders(name)...)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Subscriptions)) {
		out = append(out, c.subscription(c.Subscriptions[name])...)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Rules)) {
		out = append(out, c.rule(f, c.Rules[name])...)
	}
	return out
}

// validityMost is the longest life of a client certificate, and validityType the unit we count it in.
// Source: https://github.com/SAP-docs/btp-cloud-platform (Parameters for X.509 bindings).
const (
	validityMost = 30
	validityType = "DAYS"
)

// parameters checks what an offering is asked for.
func (r *reporter) parameters(p bindingParameters) {
	x := p.XSUAA.X509
	r.is(p.XSUAA.CredentialType != "x509", "credential-type %q is not x509", p.XSUAA.CredentialType)
	r.is(x.Validity < 1 || x.Validity > validityMost || x.ValidityType != validityType, "validity %d %s is not 1 to %d %s", x.Validity, x.ValidityType, validityMost, validityType)
	r.is(x.KeyLength != 2048 && x.KeyLength != 4096, "key-length %d is neither 2048 nor 4096", x.KeyLength)
}

func (c *Cluster) binding(b *ServiceBinding) []string {
	r := &reporter{of: "ServiceBinding " + b.Name}
	instance := c.Instances[b.Spec.ServiceInstanceName]
	r.is(instance == nil, "there is no ServiceInstance %s", b.Spec.ServiceInstanceName)
	r.is(instance != nil && (instance.Spec.ServiceOfferingName != "destination" || instance.Spec.ServicePlanName != "lite"), "its instance is not of offering destination, plan lite")
	r.is(b.Spec.SecretKey+b.Spec.SecretRootKey+b.Spec.SecretTemplate != "", "the Secret has not a file for each value")
	r.parameters(b.Spec.Parameters)
	policy := b.Spec.CredentialsRotationPolicy
	r.is(!policy.Enabled, "nothing rotates the certificate")
	frequency, err := time.ParseDuration(policy.RotationFrequency)
	r.is(err != nil, "rotationFrequency: %v", err)
	ttl, ttlErr := time.ParseDuration(policy.RotatedBindingTTL)
	r.is(ttlErr != nil, "rotatedBindingTTL: %v", ttlErr)
	life := time.Duration(b.Spec.Parameters.XSUAA.X509.Validity) * 24 * time.Hour
	r.is(err == nil && 3*frequency > life, "with a rotation every %v of %v, two that fail in a row end the certificate", frequency, life)
	r.is(ttlErr == nil && ttl < time.Hour, "the old certificate works for %v more: a pod may not have seen the new one", ttl)
	return r.out
}

// around checks the Service and the budget of a Deployment, and its own labels.
func (c *Cluster) around(name string) []string {
	d := c.Deployments[name]
	labels := d.Spec.Template.Labels
	r := &reporter{of: "Deployment " + name}
	r.is(!selects(d.Spec.Selector, labels), "its selector does not take its own pods")
	r.is(d.Spec.Replicas == nil || *d.Spec.Replicas < 2, "less than two replicas")
	r.is(c.ServiceAccounts[d.Spec.Template.Spec.ServiceAccountName] == nil, "there is no ServiceAccount %s", d.Spec.Template.Spec.ServiceAccountName)
	for _, spread := range d.Spec.Template.Spec.TopologySpreadConstraints {
		r.is(!selects(spread.LabelSelector, labels), "its pods are not those that are spread")
	}
	budget := c.Budgets[name]
	r.is(budget == nil || !selects(budget.Spec.Selector, labels), "no PodDisruptionBudget takes its pods")
	r.is(budget != nil && (budget.Spec.MaxUnavailable == nil || budget.Spec.MaxUnavailable.IntValue() != 1), "its PodDisruptionBudget does not let one pod go")
	s := c.Services[name]
	if s == nil {
		r.is(true, "there is no Service %s", name)
		return r.out
	}
	r.of = "Service " + name
	for key, value := range s.Spec.Selector {
		r.is(labels[key] != value, "selector %s=%s takes none of the pods", key, value)
	}
	if len(s.Spec.Ports) != 1 || len(d.Spec.Template.Spec.Containers) != 1 {
		r.is(len(s.Spec.Ports) != 1, "%d ports, want one", len(s.Spec.Ports))
		return r.out
	}
	port, inside := s.Spec.Ports[0], d.Spec.Template.Spec.Containers[0].Ports
	r.is(!slices.ContainsFunc(inside, func(p corev1.ContainerPort) bool {
		return p.Name == port.TargetPort.StrVal || int(p.ContainerPort) == port.TargetPort.IntValue()
	}), "targetPort %s is no port of the container", port.TargetPort.String())
	r.is(!strings.HasPrefix(port.Name, "http") || strings.HasPrefix(port.Name, "https") || strings.HasPrefix(port.Name, "http2"), "port name %q does not tell Istio that it is HTTP", port.Name)
	return r.out
}

// peers are who a NetworkPolicy lets in: "everyone" besides namespaces with a pod's label.
func peers(p *networkingv1.NetworkPolicy) []string {
	var out []string
	for _, in := range p.Spec.Ingress {
		if len(in.From) == 0 {
			out = append(out, "everyone")
		}
		for _, from := range in.From {
			if from.NamespaceSelector == nil || from.PodSelector == nil || from.IPBlock != nil || len(from.NamespaceSelector.MatchLabels) == 0 || len(from.PodSelector.MatchLabels) == 0 {
				out = append(out, "everyone")
				continue
			}
			out = append(out, from.NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"])
		}
	}
	return out
}

// Namespaces of the cluster's own senders.
const (
	eventing = "kyma-system"
	gateway  = "istio-system"
)

// senders checks that somebody decides who may send, and that no sender that is configured is kept out.
func (c *Cluster) senders(name string) []string {
	d := c.Deployments[name]
	if len(d.Spec.Template.Spec.Containers) != 1 {
		return nil
	}
	one := d.Spec.Template.Spec.Containers[0]
	r := &reporter{of: "Deployment " + name}
	var in []string
	policed := false
	for _, policyName := range slices.Sorted(maps.Keys(c.Policies)) {
		p := c.Policies[policyName]
		if !selects(&p.Spec.PodSelector, d.Spec.Template.Labels) {
			continue
		}
		policed = policed || slices.Contains(p.Spec.PolicyTypes, networkingv1.PolicyTypeIngress)
		in = append(in, peers(p)...)
		for _, ingress := range p.Spec.Ingress {
			for _, port := range ingress.Ports {
				r.is(len(one.Ports) == 1 && port.Port.IntValue() != int(one.Ports[0].ContainerPort), "NetworkPolicy %s opens port %s, which the function does not have", policyName, port.Port.String())
			}
		}
	}
	r.is(!policed || slices.Contains(in, "everyone"), "no NetworkPolicy decides who reaches it")
	auth := Given(one)["AUTH"]
	subscribed := slices.ContainsFunc(slices.Collect(maps.Values(c.Subscriptions)), func(s *Subscription) bool { return strings.HasPrefix(s.Spec.Sink, "http://"+name+".") })
	r.is(auth != "none" && auth != "basic", "AUTH %q is neither none nor basic", auth)
	r.is(subscribed && auth != "none", "it has a Subscription, but Kyma's eventing presents nothing that AUTH=%s takes", auth)
	r.is(subscribed && !slices.Contains(in, eventing), "it has a Subscription, but no NetworkPolicy lets %s in", eventing)
	rule := c.ruleOf(name)
	r.is(rule == nil && slices.Contains(in, gateway), "the gateway is let in without an APIRule")
	if rule == nil {
		return r.out
	}
	r.is(!slices.Contains(in, gateway), "it has an APIRule, but no NetworkPolicy lets %s in", gateway)
	for _, one := range rule.Spec.Rules {
		r.is(slices.Contains(one.Methods, "POST") && one.NoAuth && auth == "none", "APIRule %s lets everyone in the world post, and AUTH=none", rule.Name)
	}
	r.is(subscribed && !c.letsClusterIn(d.Spec.Template.Labels), "its APIRule shuts out Kyma's eventing: no AuthorizationPolicy lets the cluster in but for the gateway")
	return r.out
}

func (c *Cluster) ruleOf(service string) *APIRule {
	for _, r := range c.Rules {
		if r.Spec.Service != nil && r.Spec.Service.Name == service {
			return r
		}
	}
	return nil
}

// gatewayPrincipal is who the gateway is in the mesh.
const gatewayPrincipal = "cluster.local/ns/" + gateway + "/sa/istio-ingressgateway-service-account"

// letsClusterIn tells whether an AuthorizationPolicy allows posts by everyone in the cluster but the gateway.
func (c *Cluster) letsClusterIn(labels map[string]string) bool {
	for _, a := range c.Authorizations {
		for key, value := range a.GetSelector().GetMatchLabels() {
			if labels[key] != value {
				return false
			}
		}
		for _, rule := range a.GetRules() {
			for _, from := range rule.GetFrom() {
				if a.GetAction() == security.AuthorizationPolicy_ALLOW && slices.Equal(from.GetSource().GetNotPrincipals(), []string{gatewayPrincipal}) {
					return true
				}
			}
		}
	}
	return false
}

// subscription checks what Kyma's own admission does, and that there is something at the sink.
// Source: https://github.com/kyma-project/eventing-manager, api/eventing/v1alpha2/subscription_validation.go.
func (c *Cluster) subscription(s *Subscription) []string {
	r := &reporter{of: "Subscription " + s.Name}
	r.is(s.Spec.TypeMatching != "standard" && s.Spec.TypeMatching != "exact", "typeMatching %q is neither standard nor exact", s.Spec.TypeMatching)
	r.is(s.Spec.Source == "", "no source")
	r.is(len(s.Spec.Types) == 0, "no types")
	for i, t := range s.Spec.Types {
		r.is(strings.Count(t, ".") < 1, "type %q has less than two parts", t)
		r.is(slices.Contains(s.Spec.Types[:i], t), "type %q stands twice", t)
		r.is(s.Spec.TypeMatching == "standard" && strings.HasPrefix(t, "sap.kyma.custom"), "type %q begins with Kyma's own prefix", t)
	}
	n, err := strconv.Atoi(s.Spec.Config["maxInFlightMessages"])
	r.is(err != nil || n < 1 || len(s.Spec.Config) != 1, "config is not maxInFlightMessages alone, a number from 1")
	u, err := url.Parse(s.Spec.Sink)
	if err != nil || u.Scheme != "http" {
		r.is(true, "sink %q is no http address", s.Spec.Sink)
		return r.out
	}
	host, rest, _ := strings.Cut(u.Hostname(), ".")
	r.is(rest != s.Namespace+".svc.cluster.local", "sink %s is not in its own namespace %s", s.Spec.Sink, s.Namespace)
	service, port := c.Services[host], "80"
	if u.Port() != "" {
		port = u.Port()
	}
	r.is(service == nil || len(service.Spec.Ports) != 1 || fmt.Sprint(service.Spec.Ports[0].Port) != port, "there is no Service at its sink %s", s.Spec.Sink)
	return r.out
}

// Forms of an APIRule's values.
// Source: https://github.com/kyma-project/api-gateway, config/crd/bases/gateway.kyma-project.io_apirules.yaml.
var (
	ruleHost    = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?((\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\.[a-z0-9]{2,63})?$`)
	ruleGateway = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	rulePath    = regexp.MustCompile(`^((/([A-Za-z0-9-._~!$&'()+,;=:@]|%[0-9a-fA-F]{2})*)|(/\{\*{1,2}\}))+$|^/\*$`)
)

// rule checks the schema's rules and ours.
func (c *Cluster) rule(f Facts, a *APIRule) []string {
	r := &reporter{of: "APIRule " + a.Name}
	r.is(len(a.Spec.Hosts) != 1 || !ruleHost.MatchString(a.Spec.Hosts[0]), "hosts %v is not one name", a.Spec.Hosts)
	r.is(!ruleGateway.MatchString(a.Spec.Gateway) || a.Spec.ExternalGateway != "", "gateway %q is not namespace/name", a.Spec.Gateway)
	r.is(a.Spec.CORSPolicy != nil, "with a corsPolicy Istio answers the handshake itself")
	if a.Spec.Service == nil {
		r.is(true, "no service")
		return r.out
	}
	name := a.Spec.Service.Name
	service := c.Services[name]
	r.is(service == nil || len(service.Spec.Ports) != 1 || service.Spec.Ports[0].Port != a.Spec.Service.Port, "there is no Service %s with port %d", name, a.Spec.Service.Port)
	if d := c.Deployments[name]; d != nil && len(d.Spec.Template.Spec.Containers) == 1 {
		request := f.duration(name, Given(d.Spec.Template.Spec.Containers[0]), "REQUEST_TIMEOUT")
		r.is(time.Duration(a.Spec.Timeout)*time.Second <= request || a.Spec.Timeout > 3900, "timeout %d s is not above REQUEST_TIMEOUT %v, or above 3900", a.Spec.Timeout, request)
		r.is(Given(d.Spec.Template.Spec.Containers[0])["WEBHOOK_ORIGINS"] == "", "nobody's handshake is granted: no WEBHOOK_ORIGINS")
	}
	methods := map[string]bool{}
	for _, one := range a.Spec.Rules {
		r.is(!rulePath.MatchString(one.Path) || one.Path != "/", "path %q is not /: probes would be open to the world", one.Path)
		ways := 0
		for _, way := range []bool{one.NoAuth, one.JWT != nil, one.ExtAuth != nil} {
			if way {
				ways++
			}
		}
		r.is(ways != 1, "%v has %d of noAuth, jwt and extAuth, want one", one.Methods, ways)
		for _, m := range one.Methods {
			r.is(methods[m], "%s stands in two rules for one path", m)
			methods[m] = true
			r.is(m != "POST" && m != "OPTIONS", "%s is neither POST nor OPTIONS", m)
			r.is(m == "OPTIONS" && !one.NoAuth, "the handshake's OPTIONS brings no token that jwt would take")
		}
		if one.JWT != nil {
			r.is(len(one.JWT.Authentications) == 0 || len(one.JWT.Authorizations) == 0, "jwt has no authentications or no authorizations")
			for _, in := range one.JWT.Authentications {
				r.is(!strings.HasPrefix(in.Issuer, "https://") || !strings.HasPrefix(in.JWKSURI, "https://"), "jwt is not of an issuer by https")
			}
			for _, in := range one.JWT.Authorizations {
				r.is(len(in.RequiredScopes) == 0 && len(in.Audiences) == 0, "every token of the issuer would do")
			}
		}
	}
	r.is(!methods["POST"] || !methods["OPTIONS"], "POST and OPTIONS are not both let through")
	return r.out
}
