package senders

import (
	"io/fs"
	"path"
	"strings"
)

// CAPConfig is package.json or .cdsrc.json of deploy/btp/cap.
type CAPConfig struct{ messaging capMessaging }

type capMessaging struct {
	Kind          string `json:"kind"`
	Format        string `json:"format"`
	PublishPrefix string `json:"publishPrefix"`
}

type capRequires struct {
	Requires struct {
		Messaging capMessaging `json:"messaging"`
	} `json:"requires"`
}

// LoadCAP reads one of the two forms of the configuration, for example package.json. A kind that does not go by Event Mesh is an error.
func LoadCAP(files fs.FS, name string) (*CAPConfig, error) {
	var whole struct {
		CDS capRequires `json:"cds"`
	}
	var into any = &whole.CDS
	if path.Ext(name) == ".json" && path.Base(name) == "package.json" {
		into = &whole
	}
	if err := readJSON(files, name, nil, into); err != nil {
		return nil, err
	}
	m := whole.CDS.Requires.Messaging
	return &CAPConfig{m}, demand(name,
		field{"kind", m.Kind, []string{"enterprise-messaging", "enterprise-messaging-shared"}}, field{"format", m.Format, []string{"", "cloudevents"}})
}

// NewCAP is a CAP application that publishes by Event Mesh, whose webhook is configured by mesh. Without the format cloudevents the body
// is the data alone, which is no CloudEvent.
func NewCAP(c *CAPConfig, mesh *EventMeshConfig, o Options) (*Sender, error) {
	queue := strings.TrimPrefix(mesh.subscription.Address, "queue:")
	namespace := queue[:strings.LastIndexByte(queue, '/')]
	prefix := c.messaging.PublishPrefix
	if prefix == "" && c.messaging.Format == "cloudevents" {
		prefix = "$namespace/ce/"
	}
	prefix = strings.ReplaceAll(prefix, "$namespace", namespace)
	return newEventMesh(mesh, o, "cap", func(e Event) message {
		if c.messaging.Format != "cloudevents" {
			return message{topic: prefix + e.Type, contentType: "application/json", body: e.wrapped()}
		}
		// The source comes from the prefix. Source: https://cap.cloud.sap/docs/guides/messaging/event-mesh.
		e.Source = "/" + strings.TrimSuffix(strings.TrimSuffix(prefix, "/ce/"), "/-")
		return message{topic: prefix + strings.ReplaceAll(e.Type, ".", "/"), contentType: "application/cloudevents+json", body: e.structured()}
	})
}
