package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/shared/cloudevent"
	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/shared/forward/sinktest"
	"github.com/trustbridge/trustbridge/shared/telemetry"
	"github.com/trustbridge/trustbridge/test/local/aws"
	"github.com/trustbridge/trustbridge/test/virtual"
)

func fifo(s *settings) { s.SNS.TopicARN += ".fifo" }

func fifoBatch(s *settings) { fifo(s); s.SNS.FIFOBatch = true }

// fifoTarget is the target behind a FIFO topic; its events are grouped by their subject.
type fifoTarget struct{ *target }

func (g *fifoTarget) Keyed(id, key string) event.Event {
	e := g.Event(id)
	e.SetSubject(key)
	return e
}

func TestSinkOfAFIFOTopicConforms(t *testing.T) {
	for name, change := range map[string]func(*settings){"one of a group a call": fifo, "SNS_FIFO_BATCH": fifoBatch} {
		t.Run(name, func(t *testing.T) {
			sinktest.Run(t, func(t *testing.T) sinktest.Target { return &fifoTarget{newTarget(t, change)} })
		})
	}
}

func TestGroup(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*settings)
		event  func(*event.Event)
		want   string
	}{
		"partitionkey first":       {fifo, func(e *event.Event) { e.SetExtension("partitionkey", "p") }, "p"},
		"a number too":             {fifo, func(e *event.Event) { e.SetExtension("partitionkey", 7) }, "7"},
		"else subject":             {fifo, func(*event.Event) {}, "7"},
		"else source":              {fifo, func(e *event.Event) { e.SetSubject("") }, "/default/sap.s4.beh/1"},
		"or a template":            {func(s *settings) { fifo(s); s.SNS.GroupID = "o-{data/id}" }, func(*event.Event) {}, "o-7"},
		"a blank is hashed":        {fifo, func(e *event.Event) { e.SetSubject("a b") }, "c8687a08aa5d6ed2044328fa6a697ab8e96dc34291e8c2034ae8c38e6fcc6d65"},
		"none of a standard topic": {func(*settings) {}, func(*event.Event) {}, ""},
		"but by a template":        {func(s *settings) { s.SNS.GroupID = "{subject}" }, func(*event.Event) {}, "7"},
	} {
		t.Run(name, func(t *testing.T) {
			s := mapper(t, tc.change)
			e := order()
			tc.event(&e)
			item, err := s.Prepare(&e, "")
			if err != nil {
				t.Fatal(err)
			}
			m, isFIFO := item.Payload.(*message), s.settings.fifo
			if m.group != tc.want || isFIFO != (m.once != "") || isFIFO != (item.Key != "") || isFIFO && item.Key != m.group {
				t.Errorf("group %q, deduplication id %q, key %q; want the group %q, and the others on FIFO topics only", m.group, m.once, item.Key, tc.want)
			}
			if isFIFO && m.once != cloudevent.Short(&e) {
				t.Errorf("deduplication id = %q, want the short form of the event", m.once)
			}
		})
	}
	for _, long := range []string{strings.Repeat("x", 128), strings.Repeat("x", 129), "ä"} {
		if got := legalID(long); (got == long) != (len(long) == 128) || len(got) > 128 {
			t.Errorf("legalID of %d bytes = %q, want itself up to 128 of ASCII, else a hash", len(long), got)
		}
	}
}

func TestGroupThatCannotBeMade(t *testing.T) {
	s := mapper(t, func(s *settings) { fifo(s); s.SNS.GroupID = "{data/missing}" })
	e := order()
	if _, err := s.Prepare(&e, ""); err == nil || forward.KindOf(err) != forward.Denied || !strings.Contains(forward.Detail(err), "SNS_GROUP_ID") {
		t.Errorf("Prepare() = %v, want denied, naming SNS_GROUP_ID", err)
	}
}

// TestDeliveryExtensionsMakeNoSecondMessage: what Kafka and tracing add on the way is not the event.
func TestDeliveryExtensionsMakeNoSecondMessage(t *testing.T) {
	s := mapper(t, fifo)
	once := map[string]bool{}
	for i := range 3 {
		e := order()
		e.SetExtension("kafkaoffset", i)
		e.SetExtension("traceparent", fmt.Sprintf("00-7c1f0a9be2d34455a6b7c8d9e0f1a2b3-1a2b3c4d5e6f708%d-01", i))
		item, err := s.Prepare(&e, "")
		if err != nil {
			t.Fatal(err)
		}
		once[item.Payload.(*message).once] = true
	}
	if len(once) != 1 {
		t.Errorf("deliveries of one event have the deduplication ids %v, want one", once)
	}
}

// TestEachOnceInOrderPerGroup sends the events of many groups through the forwarder to a FIFO topic that fails before and
// after the effect, each sender repeating until its event is accepted: a subscriber sees each once, in order within its group.
func TestEachOnceInOrderPerGroup(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		g := &fifoTarget{newTarget(t, fifo)}
		for i, f := range []aws.Fault{
			{Phase: aws.Before, Kind: aws.Drop}, {Phase: aws.After, Kind: aws.Drop}, {Phase: aws.Before, Kind: aws.Throttle},
			{Phase: aws.Before, Kind: aws.PartialFailure}, {Phase: aws.After, Kind: aws.PartialFailure}, {Phase: aws.After, Kind: aws.Truncated},
		} {
			f.Service, f.Action, f.When = "sns", "PublishBatch", aws.Random(uint64(i), 0.05)
			if _, err := g.Stand.AWS.Inject(f); err != nil {
				t.Fatal(err)
			}
		}
		f := forward.New(g.sink, forward.Config{})
		defer f.Close()
		const groups, each = 20, 50
		var senders sync.WaitGroup
		for group := range groups {
			senders.Go(func() {
				for i := range each {
					e := g.Keyed(fmt.Sprintf("%02d/%03d", group, i), fmt.Sprint(group))
					_ = e.SetData("application/json", json.RawMessage(`{}`))
					for errors.Join(f.Forward(t.Context(), []event.Event{e}, "")...) != nil {
					}
				}
			})
		}
		senders.Wait()
		virtual.Settle()
		last, seen := map[string]string{}, 0
		for _, m := range g.Stand.AWS.Messages(g.queue) {
			id := m.Attributes["ce-id"].Value
			if id <= last[m.GroupID] {
				t.Errorf("group %s: %s came after %s", m.GroupID, id, last[m.GroupID])
			}
			last[m.GroupID] = id
			seen++
		}
		if seen != groups*each || len(last) != groups {
			t.Errorf("%d messages in %d groups, want %d in %d: each once", seen, len(last), groups*each, groups)
		}
	})
}

// TestFIFOBatch sends 40 events of one group at once, while calls fail as a whole before and after the effect: with
// SNS_FIFO_BATCH they take a tenth of the calls, and the subscriber sees each once and in order either way.
func TestFIFOBatch(t *testing.T) {
	const events = 40
	for name, tc := range map[string]struct {
		change func(*settings)
		faults int64
		calls  int64 // without those that fail
	}{
		"one of a group a call":      {fifo, 0, events},
		"SNS_FIFO_BATCH":             {fifoBatch, 0, events / 10},
		"SNS_FIFO_BATCH under fault": {fifoBatch, 3, events / 10},
	} {
		t.Run(name, func(t *testing.T) {
			virtual.Run(t, func(t *testing.T) {
				g := &fifoTarget{newTarget(t, tc.change)}
				for _, f := range []aws.Fault{{Phase: aws.Before, Kind: aws.Throttle}, {Phase: aws.After, Kind: aws.ServerError, Status: 503}, {Phase: aws.After, Kind: aws.Drop}} {
					if f.Service, f.Action, f.Count = "sns", "PublishBatch", 1; tc.faults == 0 {
						break
					}
					if _, err := g.Stand.AWS.Inject(f); err != nil {
						t.Fatal(err)
					}
				}
				counters := new(telemetry.Counters)
				f := forward.New(g.sink, forward.Config{Counters: counters})
				defer f.Close()
				var list []event.Event
				for i := range events {
					e := g.Keyed(fmt.Sprintf("%03d", i), "group")
					_ = e.SetData("application/json", json.RawMessage(`{}`))
					list = append(list, e)
				}
				if err := errors.Join(f.Forward(t.Context(), list, "")...); err != nil {
					t.Error(err)
				}
				virtual.Settle()
				var got, want []string
				for i, m := range g.Stand.AWS.Messages(g.queue) {
					got, want = append(got, m.Attributes["ce-id"].Value), append(want, fmt.Sprintf("%03d", i))
				}
				if diff := cmp.Diff(want, got); diff != "" || len(got) != events {
					t.Errorf("%d messages, want each of %d once, in order (-want +got):\n%s", len(got), events, diff)
				}
				if n := counters.Value("batches_sent"); n < tc.calls || n > tc.calls+tc.faults {
					t.Errorf("%d calls, want %d and one for each of at most %d faults", n, tc.calls, tc.faults)
				}
			})
		})
	}
}
