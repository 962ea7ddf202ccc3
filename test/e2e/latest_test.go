package e2e

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/local/aws"
)

// history is a run of many events about many keys, with some versions of each. What is newer is told by the event's time, or by
// the sequence in its data. The other one of the two runs backwards, so that the oldest would win where it counted.
type history struct {
	keys, versions, senders int
	bySequence              bool
}

// version is one event; the newest of a key has the greatest number.
type version struct{ key, number int }

func (v version) subject() string { return fmt.Sprintf("order-%04d", v.key) }

func (v version) id() string { return fmt.Sprintf("%s-version-%03d", v.subject(), v.number) }

// steps are how far an event is in time, and its sequence.
func (h history) steps(v version) (ofTime, sequence int) {
	if h.bySequence {
		return h.versions - v.number, v.number
	}
	return v.number, h.versions - v.number
}

// time changes its zone, its day and the digits of its seconds from version to version, so that texts have another order.
func (h history) time(v version) time.Time {
	step, _ := h.steps(v)
	t := time.Date(2026, 10, 5, 23, 59, 55, 0, time.UTC).Add(time.Duration(step) * 250 * time.Millisecond)
	if step%2 == 1 {
		return t.In(time.FixedZone("", 2*60*60))
	}
	return t
}

// deliveries are all events in any order, every tenth a second time, as of a sender whose answer was lost.
func (h history) deliveries() []version {
	random := rand.New(rand.NewPCG(5, 6))
	var out []version
	for key := range h.keys {
		for number := range h.versions {
			v := version{key, number}
			out = append(out, v)
			if random.IntN(10) == 0 {
				out = append(out, v)
			}
		}
	}
	random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// send posts a version.
func (h history) send(s *system, v version) reply {
	_, sequence := h.steps(v)
	return s.post(map[string]string{
		"content-type": "application/json", "ce-specversion": "1.0", "ce-id": v.id(), "ce-source": "/default/sap.s4.beh/731904412",
		"ce-type": "sap.s4.beh.salesorder.v1.SalesOrder.Changed.v1", "ce-subject": v.subject(), "ce-time": h.time(v).Format(time.RFC3339Nano),
	}, fmt.Appendf(nil, `{"SalesOrder":"7000412","sequence":%d}`, sequence))
}

// run delivers all of it by many senders, each of which repeats an event until it is answered 204. It returns what to print.
func (h history) run(s *system, deliveries []version) string {
	var requests, refused atomic.Int64
	start := time.Now()
	var wg sync.WaitGroup
	for sender := range h.senders {
		wg.Go(func() {
			for i := sender; i < len(deliveries); i += h.senders {
				for status := 0; status != 204 && s.t.Context().Err() == nil; {
					requests.Add(1)
					answer := h.send(s, deliveries[i])
					switch status = answer.status; status {
					case 204:
					case 429, 503:
						refused.Add(1)
						pause(s.t, 20*time.Millisecond) // a sender that repeats sooner than any real one
					default:
						s.t.Errorf("%s: answer %d %s, want 204, 429 or 503", deliveries[i].id(), status, answer.body)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	return fmt.Sprintf("%d events of %d keys, %d deliveries answered 204 to %d senders in %v; %d requests, %d of them refused",
		h.keys*h.versions, h.keys, len(deliveries), h.senders, time.Since(start).Round(time.Millisecond), requests.Load(), refused.Load())
}

// read tells which version an item is, and wants all of it to be of that one.
func (h history) read(t *testing.T, item aws.Item) version {
	t.Helper()
	var v version
	if _, err := fmt.Sscanf(item["id"].Text, "order-%d-version-%d", &v.key, &v.number); err != nil {
		t.Fatalf("the table holds %v: %v", item, err)
	}
	_, sequence := h.steps(v)
	want := [...]string{v.subject(), h.time(v).UTC().Format("2006-01-02T15:04:05.000000000Z"), strconv.Itoa(sequence)}
	if got := [...]string{item["pk"].Text, item["time"].Text, item["data"].Map["sequence"].Text}; got != want {
		t.Errorf("%s is stored with key, time and sequence %q, want %q", v.id(), got, want)
	}
	return v
}

// changed reads the record of all changes: no key ever goes back to an older version. It returns how many of each kind there were.
func (h history) changed(t *testing.T, changes []aws.Change) (inserts, modifications int) {
	t.Helper()
	newest := make(map[int]int, h.keys) // :: key → number
	for _, c := range changes {
		v := h.read(t, c.New)
		before, there := newest[v.key]
		switch {
		case c.Kind == "INSERT" && !there:
			inserts++
		case c.Kind == "MODIFY" && there && v.number > before:
			modifications++
		default:
			t.Errorf("%s of %s over version %d (there: %t), want a newer one, and nothing removed", c.Kind, v.id(), before, there)
		}
		newest[v.key] = v.number
	}
	return inserts, modifications
}

// TestNewestOfEachKeyStays: with DYNAMODB_MODE=latest the table ends with the newest event of every key, under any order of
// arrival, repetition and fault, and an older one never replaces a newer one on the way.
func TestNewestOfEachKeyStays(t *testing.T) {
	for name, settings := range map[string][]string{
		"by time":     {"DYNAMODB_MODE=latest"},
		"by sequence": {"DYNAMODB_MODE=latest", "DYNAMODB_ORDER=sequence={data/sequence}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := history{keys: 1000 / slower, versions: 10, senders: 64, bySequence: len(settings) > 1}
			s := newStand(t, local.Config{})
			s.startFunction("store-dynamodb", settings...)
			s.injectFaults("dynamodb", "PutItem", 0.004, false) // after the effect: of the three deliveries in ten that have one
			deliveries := h.deliveries()
			what := h.run(s, deliveries)
			s.ended()
			inserts, modifications := h.changed(t, s.stand.AWS.Changes(s.TableARN))
			items := s.stand.AWS.Items(s.TableARN)
			for _, item := range items {
				if v := h.read(t, item); v.number != h.versions-1 {
					t.Errorf("%s is what the table ends with, want version %d", v.id(), h.versions-1)
				}
			}
			if len(items) != h.keys || inserts != h.keys {
				t.Errorf("%d items by %d inserts, want one of each for each of the %d keys", len(items), inserts, h.keys)
			}
			stale, duplicates := s.counted("stale_events"), s.counted("duplicates")
			if n := inserts + modifications + stale + duplicates; modifications == 0 || stale == 0 || duplicates == 0 || n < len(deliveries) {
				t.Errorf("%d inserts, %d modifications, %d stale, %d duplicates, want some of each, and one for each of %d deliveries", inserts, modifications, stale, duplicates, len(deliveries))
			}
			t.Logf("DynamoDB, latest %s: %s; %d items, each the newest, %d inserts, %d modifications, none of them back; %d stale, %d duplicates",
				name, what, len(items), inserts, modifications, stale, duplicates)
		})
	}
}

// counted is a counter of a function that has ended.
func (s *system) counted(name string) int {
	s.t.Helper()
	counters, _ := s.fn.waitFor("stopped")["counters"].(map[string]any)
	n, _ := counters[name].(float64)
	return int(n)
}
