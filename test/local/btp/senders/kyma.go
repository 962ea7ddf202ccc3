package senders

import (
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// KymaConfig is deploy/btp/kyma/subscription.yaml, filled in.
type KymaConfig struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name      string `yaml:"name"`
		Namespace string `yaml:"namespace"`
	} `yaml:"metadata"`
	Spec struct {
		TypeMatching string            `yaml:"typeMatching"`
		Source       string            `yaml:"source"`
		Types        []string          `yaml:"types"`
		Sink         string            `yaml:"sink"`
		Config       map[string]string `yaml:"config"`
	} `yaml:"spec"`
	inFlight int
}

// kymaInFlight is what a Subscription without maxInFlightMessages has.
// Source: https://kyma-project.io/#/eventing-manager/user/resources/evnt-cr-subscription (config.maxInFlightMessages: 10).
const kymaInFlight = 10

// LoadKyma reads the manifest. A field that a Subscription does not have, or a value that would deliver nothing, is an error.
func LoadKyma(files fs.FS, values Values) (*KymaConfig, error) {
	const file = "subscription.yaml"
	c := &KymaConfig{inFlight: kymaInFlight}
	if err := readYAML(files, file, values, c); err != nil {
		return nil, err
	}
	for name, value := range c.Spec.Config {
		var err error
		if c.inFlight, err = strconv.Atoi(value); name != "maxInFlightMessages" || err != nil || c.inFlight < 1 {
			return nil, fmt.Errorf("read %s: config has %s=%q, want maxInFlightMessages from 1", file, name, value)
		}
	}
	if len(c.Spec.Types) == 0 {
		return nil, fmt.Errorf("read %s: types is empty, so nothing would be delivered", file)
	}
	// The sink is in the Subscription's own namespace. Source: https://kyma-project.io/#/eventing-manager/user/evnt-architecture.
	if !strings.HasSuffix(c.Spec.Sink, "."+c.Metadata.Namespace+".svc.cluster.local") {
		return nil, fmt.Errorf("read %s: sink is %q, want a service of namespace %q", file, c.Spec.Sink, c.Metadata.Namespace)
	}
	return c, demand(file,
		field{"apiVersion", c.APIVersion, []string{"eventing.kyma-project.io/v1alpha2"}}, field{"kind", c.Kind, []string{"Subscription"}},
		field{"metadata.name", c.Metadata.Name, nil}, field{"source", c.Spec.Source, nil}, field{"typeMatching", c.Spec.TypeMatching, []string{"standard", "exact"}})
}

// Kyma's habits.
// Source: https://github.com/kyma-project/eventing-manager/blob/90ca37a/pkg/backend/jetstream/jetstream.go (jsConsumerAckWait,
// jsConsumerNakDelay, jsConsumerMaxRedeliver).
const (
	kymaAckWait    = 30 * time.Second
	kymaNakDelay   = 30 * time.Second
	kymaDeliveries = 100
)

// NewKyma is Kyma's eventing with NATS: binary mode. A delivery that is not answered within 30 s is sent again while the first goes on,
// without an end of its own; one that is refused, 30 s later. That a refused event counts against maxInFlightMessages while it waits is
// unverified.
func NewKyma(c *KymaConfig, o Options) (*Sender, error) {
	if o.Client == nil {
		return nil, fmt.Errorf("new sender kyma: a client is needed")
	}
	s := &Sender{
		kind: "kyma", subscription: c.Metadata.Namespace + "/" + c.Metadata.Name, queue: c.Spec.Source, client: o.Client,
		habits: habits{
			parallel: c.inFlight, duplicateAfter: kymaAckWait, deliveries: kymaDeliveries, success: twoHundreds,
			pause: func(int) time.Duration { return kymaNakDelay },
		},
		screen: func(e Event) (Outcome, string) {
			if c.wants(e) {
				return Pending, ""
			}
			return Unsubscribed, fmt.Sprintf("the subscription is for other sources or types than %s, %s", e.Source, e.Type)
		},
	}
	s.request = func(ctx context.Context, e Event) (*http.Request, error) {
		r, err := post(ctx, c.Spec.Sink, "application/json", e.Data)
		if err != nil {
			return nil, err
		}
		binary(r.Header, e.attributes())
		r.Header.Set("Ce-Originaltype", e.Type)
		if version := e.Type[strings.LastIndexByte(e.Type, '.')+1:]; regexp.MustCompile(`^v[0-9]+$`).MatchString(version) {
			r.Header.Set("Ce-Eventtypeversion", version)
		}
		r.Header.Set("Traceparent", traceparent())
		return r, nil
	}
	return s, nil
}

// wants tells whether the subscription is for an event. With standard matching what differs in characters that are cleaned is equal;
// which characters these are is unverified.
// Source: https://kyma-project.io/#/eventing-manager/user/evnt-event-names.
func (c *KymaConfig) wants(e Event) bool {
	clean := func(s string) string { return s }
	if c.Spec.TypeMatching == "standard" {
		cleaned := regexp.MustCompile(`[^a-zA-Z0-9.]`)
		clean = func(s string) string { return cleaned.ReplaceAllString(s, "") }
	}
	return clean(e.Source) == clean(c.Spec.Source) &&
		slices.ContainsFunc(c.Spec.Types, func(t string) bool { return clean(t) == clean(e.Type) })
}

// traceparent is a new trace.
func traceparent() string {
	b := make([]byte, 24)
	if _, err := rand.Read(b); err != nil {
		panic(err) // crypto/rand does not fail
	}
	return fmt.Sprintf("00-%x-%x-01", b[:16], b[16:])
}
