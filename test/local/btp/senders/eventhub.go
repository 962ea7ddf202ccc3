package senders

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"time"
)

// EventHubConfig is the folder deploy/btp/event-hub, filled in.
type EventHubConfig struct {
	instance struct {
		SystemNamespace string `json:"systemNamespace"`
		WebhookURL      string `json:"webhookUrl"`
	}
	binding struct {
		AuthenticationType string `json:"authentication-type"`
	}
	identity struct {
		ConsumedServices []struct {
			ServiceInstanceName string `json:"service-instance-name"`
		} `json:"consumed-services"`
		DisplayName string `json:"display-name"`
	}
}

// namespaceMax is how long a system's name may be.
// Source: https://cap.cloud.sap/docs/guides/messaging/event-broker (systemNamespace: not longer than 15 characters).
const namespaceMax = 15

// LoadEventHub reads the folder. A member that the services do not have, or a value that would deliver nothing, is an error.
func LoadEventHub(files fs.FS, values Values) (*EventHubConfig, error) {
	c := &EventHubConfig{}
	for name, into := range map[string]any{"instance.json": &c.instance, "binding.json": &c.binding, "identity.json": &c.identity} {
		if err := readJSON(files, name, values, into); err != nil {
			return nil, err
		}
	}
	if n := len(c.instance.SystemNamespace); n == 0 || n > namespaceMax {
		return nil, fmt.Errorf("read instance.json: systemNamespace has %d characters, want 1 to %d", n, namespaceMax)
	}
	if len(c.identity.ConsumedServices) != 1 {
		return nil, fmt.Errorf("read identity.json: consumed-services has %d entries, want the one of Event Hub", len(c.identity.ConsumedServices))
	}
	if err := demand("identity.json", field{"display-name", c.identity.DisplayName, nil},
		field{"service-instance-name", c.identity.ConsumedServices[0].ServiceInstanceName, nil}); err != nil {
		return nil, err
	}
	if err := demand("instance.json", field{"webhookUrl", c.instance.WebhookURL, nil}); err != nil {
		return nil, err
	}
	return c, demand("binding.json", field{"authentication-type", c.binding.AuthenticationType, []string{"X509_IAS"}})
}

// NewEventHub is Event Hub: binary mode by headers, without time and content type of the data.
// Source: https://github.com/cap-js/event-broker/blob/c1e84ee/cds-plugin.js.
func NewEventHub(c *EventHubConfig, o Options) (*Sender, error) {
	if o.Client == nil {
		return nil, fmt.Errorf("new sender event hub: a client is needed")
	}
	body := func(e Event) []byte {
		switch {
		case o.Wrapped:
			return e.wrapped()
		case e.Data == nil:
			return []byte("null")
		}
		return e.Data
	}
	return &Sender{
		kind: "event hub", subscription: c.instance.SystemNamespace + "/" + c.identity.DisplayName, queue: c.identity.ConsumedServices[0].ServiceInstanceName,
		client: o.Client,
		habits: habits{
			parallel: meshParallel, timeout: or(o.Unverified.WebhookTimeout, 30*time.Second), deliveries: or(o.Unverified.EventHubDeliveries, 10),
			pause: func(int) time.Duration { return or(o.Unverified.EventHubPause, time.Minute) },
			success: func(status int) bool {
				return status == http.StatusOK || status == http.StatusAccepted || status == http.StatusNoContent && o.Unverified.EventHubTakes204
			},
		},
		screen: func(e Event) (Outcome, string) { return tooLarge(body(e)) },
		request: func(ctx context.Context, e Event) (*http.Request, error) {
			r, err := post(ctx, c.instance.WebhookURL, "application/json", body(e))
			if err != nil {
				return nil, err
			}
			binary(r.Header, map[string]any{
				"id": e.ID, "source": e.Source, "type": e.Type, "specversion": "1.0",
				"sapconsumertenant": or(o.ConsumerTenant, "5b7e1c02-0000-4000-8000-5b7e1c020000"),
			})
			if !o.Wrapped {
				binary(r.Header, e.Extensions)
			}
			if o.Token == nil {
				return r, nil
			}
			token, err := o.Token(ctx)
			if err != nil {
				return nil, err
			}
			r.Header.Set("Authorization", "Bearer "+token)
			return r, nil
		},
	}, nil
}
