package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/shared/forward/sinktest"
	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/local/aws"
	"github.com/trustbridge/trustbridge/test/sinkstage"
	"github.com/trustbridge/trustbridge/test/virtual"
)

// target is the sink wired to a topic of the stand-in.
type target struct {
	*sinkstage.Stage
	t     *testing.T
	sink  *sink
	topic string // ARN
	queue string // ARN
}

func newTarget(t *testing.T, change func(*settings)) *target {
	t.Helper()
	s := newSettings(change)
	if problems := s.Check(); len(problems) > 0 {
		t.Fatal(problems)
	}
	g := &target{Stage: sinkstage.New(t, "publish-sns", local.Lambda{}), t: t}
	g.sink = newSink(s, g.Target)
	g.topic, g.queue = g.Set.TopicARN, g.Set.QueueARN
	if s.fifo {
		var err error
		if g.queue, err = g.Stand.AWS.CreateFIFOQueue("orders.fifo", aws.FIFOOptions{}); err != nil {
			t.Fatal(err)
		}
		g.topic = g.Set.TopicARN + ".fifo"
		if err := errors.Join(g.createTopic(), g.Set.SetRolePolicy(g.policy("sns:Publish"))); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

func (g *target) createTopic() (err error) {
	if strings.HasSuffix(g.topic, ".fifo") {
		_, err = g.Stand.AWS.CreateFIFOTopic("orders.fifo", aws.FIFOOptions{})
	} else {
		_, err = g.Stand.AWS.CreateTopic("orders")
	}
	if err != nil {
		return err
	}
	_, err = g.Stand.AWS.Subscribe(g.topic, g.queue, true)
	return err
}

// policy allows one action on the topic.
func (g *target) policy(action string) string {
	return strings.ReplaceAll(g.Set.RolePolicy(action), g.Set.TopicARN, g.topic)
}

func (g *target) Sink() forward.Sink { return g.sink }
func (g *target) ItemMax() int       { return 256 << 10 }

func (g *target) Event(id string) event.Event {
	e := event.New()
	e.SetID(id)
	e.SetSource("/test")
	e.SetType("t.v1")
	return e
}

// Sized pads the event's subject, which stands in the body and in an attribute.
func (g *target) Sized(id string, size int) event.Event {
	e := g.Event(id)
	_ = e.SetData("text/plain", "")
	bare := g.size(e)
	e.SetExtension("pad", "x")
	left := size - g.size(e) + 1
	if left < 1 {
		g.t.Fatalf("an event of %d bytes is too small, %d is the least", size, bare)
	}
	e.SetExtension("pad", strings.Repeat("x", left))
	return e
}

// size is what the mapping says of an event, whatever the limit.
func (g *target) size(e event.Event) int {
	wide := *g.sink
	settings := *g.sink.settings
	settings.SNS.MaxBytes = 1 << 30
	wide.settings = &settings
	item, err := wide.Prepare(&e, "")
	if err != nil {
		g.t.Fatal(err)
	}
	return item.Size
}

func (g *target) Break(f sinktest.Fault, calls int) bool {
	switch f {
	case sinktest.NoTarget:
		g.Stand.AWS.DeleteTopic(g.topic)
		return g.Take(nil, g.createTopic)
	case sinktest.Permission:
		return g.Take(g.Set.SetRolePolicy(g.policy("sns:Subscribe")), func() error { return g.Set.SetRolePolicy(g.policy("sns:Publish")) })
	}
	return g.Stage.Break(f, "sns", "PublishBatch", calls)
}

func (g *target) Accepted() []string {
	g.t.Helper()
	virtual.Settle()
	var ids []string
	for _, m := range g.Stand.AWS.Messages(g.queue) {
		ids = append(ids, m.Attributes["ce-id"].Value)
	}
	return ids
}

func TestSinkConforms(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinktest.Target { return newTarget(t, nil) })
}

func TestSinkOfDataConforms(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinktest.Target {
		return &dataTarget{newTarget(t, func(s *settings) { s.SNS.Payload = "data" })}
	})
}

// dataTarget sends data alone, so that its events need some.
type dataTarget struct{ *target }

func (g *dataTarget) Event(id string) event.Event { return g.withData(id, "hello") }

func (g *dataTarget) withData(id, data string) event.Event {
	e := g.target.Event(id)
	_ = e.SetData("text/plain", data)
	return e
}

func (g *dataTarget) Sized(id string, size int) event.Event {
	left := size - g.size(g.withData(id, "x")) + 1
	return g.withData(id, strings.Repeat("x", left))
}
