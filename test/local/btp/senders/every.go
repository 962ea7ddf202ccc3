package senders

import (
	"fmt"
	"io/fs"
	"maps"
)

// Names of what Every makes.
const (
	EventMesh         = "Event Mesh"
	CAP               = "CAP by Event Mesh"
	AdvancedEventMesh = "Advanced Event Mesh"
	EventHub          = "Event Hub"
	Kyma              = "Kyma"
)

// Every makes one of each sender by name, from files as deploy/btp has them and the values of one customer: its sales orders go
// to https://publish-sns.example/events, with user and password where the file has them, and in the cluster of Kyma to
// http://publish-sns.integration.svc.cluster.local. The client of o decides where these hosts are.
func Every(files fs.FS, user, password string, o Options) (map[string]*Sender, error) {
	values := func(change Values) Values {
		v := Values{ //nolint:gosec // invented ones
			"your namespace": "nordwind/orders/1", "your endpoint": "https://publish-sns.example/events", "your user": user, "your password": password,
			"your client id": "sb-orders", "your client secret": "secret", "your token url": "https://login.example/oauth/token",
			"your topic filter": "+/+/+/ce/*", "your host": "publish-sns.example", "your path": "/events",
			"your source": "/default/sap.s4.beh/TB1CLNT200", "your event type": "sap.s4.beh.salesorder.v1.SalesOrder.Changed.v1",
		}
		maps.Copy(v, change)
		return v
	}
	var mesh *EventMeshConfig
	out := make(map[string]*Sender)
	for _, s := range []struct {
		name, folder string
		load         func(fs.FS) (*Sender, error)
	}{
		{EventMesh, "event-mesh", func(f fs.FS) (_ *Sender, err error) {
			if mesh, err = LoadEventMesh(f, "subscription.json", values(nil)); err != nil {
				return nil, err
			}
			return NewEventMesh(mesh, o)
		}},
		{CAP, "cap", func(f fs.FS) (*Sender, error) {
			c, err := LoadCAP(f, "package.json")
			if err != nil {
				return nil, err
			}
			return NewCAP(c, mesh, o)
		}},
		{AdvancedEventMesh, "advanced-event-mesh", func(f fs.FS) (*Sender, error) {
			c, err := LoadAdvancedEventMesh(f, values(Values{"your topic filter": "default/*/*/ce/>"}))
			if err != nil {
				return nil, err
			}
			return NewAdvancedEventMesh(c, o)
		}},
		{EventHub, "event-hub", func(f fs.FS) (*Sender, error) {
			c, err := LoadEventHub(f, values(Values{"your namespace": "nordwind.aws"}))
			if err != nil {
				return nil, err
			}
			return NewEventHub(c, o)
		}},
		{Kyma, "kyma", func(f fs.FS) (*Sender, error) {
			c, err := LoadKyma(f, values(Values{"your namespace": "integration"}))
			if err != nil {
				return nil, err
			}
			return NewKyma(c, o)
		}},
	} {
		folder, err := fs.Sub(files, s.folder)
		if err == nil {
			out[s.name], err = s.load(folder)
		}
		if err != nil {
			return nil, fmt.Errorf("make the sender %s: %w", s.name, err)
		}
	}
	return out, nil
}
