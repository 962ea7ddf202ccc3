package queue

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func fifoQueue() *Queue {
	return New(Settings{Visibility: 30 * time.Second, Retention: 4 * 24 * time.Hour, FIFO: true})
}

// send sends a message named group+number, in order.
func send(q *Queue, group string, number int) Message {
	name := fmt.Sprint(group, number)
	return q.Send(Message{ID: "id-" + name, Body: name, GroupID: group, DeduplicationID: name, Sent: time.Now()}, -1)
}

func TestOrderWithinAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := fifoQueue()
		for i := range 3 {
			send(q, "a", i)
			send(q, "b", i)
		}
		first := q.Receive(t.Context(), 1, 0, -1)
		if diff := cmp.Diff([]string{"a0"}, bodies(first)); diff != "" {
			t.Fatalf("Receive (-want +got):\n%s", diff)
		}
		second := q.Receive(t.Context(), 10, 0, -1)
		if diff := cmp.Diff([]string{"b0", "b1", "b2"}, bodies(second)); diff != "" {
			t.Errorf("Receive while a0 is in flight (-want +got):\n%s", diff)
		}
		if err := q.Delete(first[0].Handle); err != nil {
			t.Fatal(err)
		}
		third := q.Receive(t.Context(), 1, 0, -1)
		if diff := cmp.Diff([]string{"a1"}, bodies(third)); diff != "" {
			t.Errorf("Receive after a0 was deleted (-want +got):\n%s", diff)
		}
		if late := q.Receive(t.Context(), 10, 0, -1); len(late) != 0 {
			t.Errorf("Receive while both groups are in flight = %v, want nothing", bodies(late))
		}
		time.Sleep(30 * time.Second)
		again := q.Receive(t.Context(), 10, 0, -1)
		if diff := cmp.Diff([]string{"b0", "a1", "b1", "a2", "b2"}, bodies(again)); diff != "" {
			t.Errorf("Receive after the timeout (-want +got):\n%s", diff)
		}
	})
}

func TestVisibilityReturnsAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := fifoQueue()
		send(q, "a", 0)
		send(q, "a", 1)
		got := q.Receive(t.Context(), 1, 0, -1)
		if err := q.ChangeVisibility(got[0].Handle, 0); err != nil {
			t.Fatal(err)
		}
		again := q.Receive(t.Context(), 10, 0, -1)
		if diff := cmp.Diff([]string{"a0", "a1"}, bodies(again)); diff != "" {
			t.Errorf("Receive after visibility 0 (-want +got):\n%s", diff)
		}
	})
}

func TestRepeats(t *testing.T) {
	for _, perGroup := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			q := New(Settings{Retention: time.Hour, FIFO: true, PerGroup: perGroup})
			message := func(id, group string) Message {
				return q.Send(Message{ID: id, GroupID: group, DeduplicationID: "d", Sent: time.Now()}, -1)
			}
			first, repeat, other := message("1", "a"), message("2", "a"), message("3", "b")
			if repeat.ID != "1" || repeat.SequenceNumber != first.SequenceNumber || len(first.SequenceNumber) != 20 {
				t.Errorf("Send of a repeat = %+v, want the first's id and number, %+v", repeat, first)
			}
			want := 1
			if perGroup {
				want = 2
			}
			if n := q.Count(); n != want || (other.ID == "3") != perGroup {
				t.Errorf("PerGroup %v: %d arrived, want %d", perGroup, n, want)
			}
			time.Sleep(5 * time.Minute)
			if late := message("4", "a"); late.ID != "4" || late.SequenceNumber <= first.SequenceNumber {
				t.Errorf("Send after five minutes = %+v, want a new message with a higher number", late)
			}
		})
	}
}

func TestRedriveOfAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := fifoQueue()
		q := New(Settings{Visibility: time.Second, FIFO: true, Dead: dead, MaxReceives: 1})
		send(q, "a", 0)
		send(q, "a", 1)
		q.Receive(t.Context(), 1, 0, -1)
		time.Sleep(time.Second)
		if diff := cmp.Diff([]string{"a1"}, bodies(q.Receive(t.Context(), 1, 0, -1))); diff != "" {
			t.Errorf("Receive after a0 failed (-want +got):\n%s", diff)
		}
		if got := dead.Arrived(); len(got) != 1 || got[0].Body != "a0" || got[0].ID != "id-a0" {
			t.Errorf("dead-letter queue = %+v, want a0 as it was", got)
		}
	})
}

// TestRedriveIsNoRepeat: what moves to a dead-letter queue was taken once already.
func TestRedriveIsNoRepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := fifoQueue()
		q := New(Settings{Visibility: time.Second, FIFO: true, PerGroup: true, Dead: dead, MaxReceives: 1})
		for _, group := range []string{"a", "b"} {
			q.Send(Message{ID: group, GroupID: group, DeduplicationID: "same", Sent: time.Now()}, -1)
		}
		q.Receive(t.Context(), 10, 0, -1)
		time.Sleep(time.Second)
		q.Receive(t.Context(), 10, 0, -1)
		if n := dead.Count(); n != 2 {
			t.Errorf("%d messages in the dead-letter queue, want both", n)
		}
	})
}

// TestStandardQueueHoldsNoGroup: a group id of a standard queue is a label.
func TestStandardQueueHoldsNoGroup(t *testing.T) {
	q := standard()
	send(q, "a", 0)
	send(q, "a", 1)
	q.Receive(t.Context(), 1, 0, -1)
	if got := q.Receive(t.Context(), 1, 0, -1); len(got) != 1 || got[0].SequenceNumber != "" {
		t.Errorf("Receive = %+v, want the second message of the group, without a number", got)
	}
}
