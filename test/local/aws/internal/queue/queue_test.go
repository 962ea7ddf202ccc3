package queue

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func standard() *Queue {
	return New(Settings{Visibility: 30 * time.Second, Retention: 4 * 24 * time.Hour})
}

func bodies(received []Received) []string {
	var out []string
	for _, r := range received {
		out = append(out, r.Body)
	}
	return out
}

func TestVisibilityTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := standard()
		q.Send(Message{ID: "1", Body: "one"}, -1)
		first := q.Receive(t.Context(), 10, 0, -1)
		if diff := cmp.Diff([]string{"one"}, bodies(first)); diff != "" {
			t.Fatalf("Receive (-want +got):\n%s", diff)
		}
		if again := q.Receive(t.Context(), 10, 0, -1); len(again) != 0 {
			t.Errorf("Receive in flight = %v, want nothing", bodies(again))
		}
		time.Sleep(30 * time.Second)
		again := q.Receive(t.Context(), 10, 0, -1)
		if len(again) != 1 || again[0].Receives != 2 || !again[0].First.Equal(first[0].First) {
			t.Fatalf("Receive after the timeout = %+v, want the message a second time", again)
		}
		if err := q.Delete(first[0].Handle); err != nil {
			t.Errorf("Delete by a stale handle = %v, want no error", err)
		}
		if err := q.Delete(again[0].Handle); err != nil {
			t.Errorf("Delete = %v", err)
		}
		if err := q.Delete(again[0].Handle); err != nil {
			t.Errorf("Delete twice = %v, want no error", err)
		}
		time.Sleep(time.Minute)
		if late := q.Receive(t.Context(), 10, 0, -1); len(late) != 0 {
			t.Errorf("Receive after Delete = %v, want nothing", bodies(late))
		}
		if n := q.Count(); n != 1 {
			t.Errorf("Count = %d, want 1", n)
		}
	})
}

func TestStaleHandleDeletesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := standard()
		q.Send(Message{ID: "1"}, -1)
		stale := q.Receive(t.Context(), 1, 0, 0)[0].Handle
		q.Receive(t.Context(), 1, 0, 10*time.Second)
		if err := q.Delete(stale); err != nil {
			t.Errorf("Delete(stale) = %v, want no error", err)
		}
		time.Sleep(10 * time.Second)
		if got := q.Receive(t.Context(), 1, 0, 0); len(got) != 1 {
			t.Errorf("Receive = %d messages, want the one that is still there", len(got))
		}
	})
}

func TestHandleOfAnotherQueue(t *testing.T) {
	q, other := standard(), standard()
	other.Send(Message{ID: "1"}, -1)
	handle := other.Receive(t.Context(), 1, 0, -1)[0].Handle
	for _, h := range []string{handle, "", "a:b:c", "x"} {
		if err := q.Delete(h); !errors.Is(err, ErrHandle) {
			t.Errorf("Delete(%q) = %v, want %v", h, err, ErrHandle)
		}
	}
}

func TestLongPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := standard()
		start := time.Now()
		if got := q.Receive(t.Context(), 1, 20*time.Second, -1); len(got) != 0 || time.Since(start) != 20*time.Second {
			t.Errorf("Receive of nothing = %v after %v, want nothing after 20s", bodies(got), time.Since(start))
		}
		start = time.Now()
		go func() {
			time.Sleep(3 * time.Second)
			q.Send(Message{ID: "1", Body: "late"}, -1)
		}()
		if got := q.Receive(t.Context(), 1, 20*time.Second, -1); len(got) != 1 || time.Since(start) != 3*time.Second {
			t.Errorf("Receive = %v after %v, want one after 3s", bodies(got), time.Since(start))
		}
		start = time.Now()
		if got := q.Receive(t.Context(), 1, 2*time.Minute, -1); len(got) != 1 || time.Since(start) != 30*time.Second {
			t.Errorf("Receive = %v after %v, want the message when its timeout ends after 30s", bodies(got), time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		if q.Receive(ctx, 1, 20*time.Second, -1); time.Since(start) != time.Second {
			t.Errorf("Receive took %v, want its context's 1s", time.Since(start))
		}
		go func() {
			time.Sleep(time.Second)
			q.Close()
		}()
		start = time.Now()
		if q.Receive(t.Context(), 1, 20*time.Second, -1); time.Since(start) != time.Second {
			t.Errorf("Receive took %v after Close, want 1s", time.Since(start))
		}
	})
}

func TestDelayAndRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New(Settings{Delay: 5 * time.Second, Retention: time.Minute})
		q.Send(Message{ID: "1"}, -1)
		q.Send(Message{ID: "2"}, 0)
		if visible, inFlight, delayed := q.Depth(); visible != 1 || inFlight != 0 || delayed != 1 {
			t.Errorf("Depth = %d, %d, %d, want 1, 0, 1", visible, inFlight, delayed)
		}
		time.Sleep(5 * time.Second)
		if got := q.Receive(t.Context(), 10, 0, time.Second); len(got) != 2 {
			t.Errorf("Receive = %d messages, want 2", len(got))
		}
		time.Sleep(time.Minute)
		if got := q.Receive(t.Context(), 10, 0, time.Second); len(got) != 0 {
			t.Errorf("Receive after the retention = %d messages, want none", len(got))
		}
	})
}

func TestRedrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := standard()
		q := New(Settings{Visibility: time.Second, Dead: dead, MaxReceives: 2})
		q.Send(Message{ID: "1", Body: "poison"}, -1)
		for range 2 {
			if got := q.Receive(t.Context(), 1, 0, -1); len(got) != 1 {
				t.Fatalf("Receive = %d messages, want 1", len(got))
			}
			time.Sleep(time.Second)
		}
		if got := q.Receive(t.Context(), 1, 0, -1); len(got) != 0 {
			t.Errorf("third Receive = %v, want nothing", bodies(got))
		}
		if diff := cmp.Diff([]string{"poison"}, bodies(dead.Receive(t.Context(), 1, 0, -1))); diff != "" {
			t.Errorf("dead-letter queue (-want +got):\n%s", diff)
		}
	})
}

func TestChangeVisibility(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := standard()
		q.Send(Message{ID: "1"}, -1)
		handle := q.Receive(t.Context(), 1, 0, -1)[0].Handle
		if err := q.ChangeVisibility(handle, 0); err != nil {
			t.Fatalf("ChangeVisibility = %v", err)
		}
		if err := q.ChangeVisibility(handle, 0); !errors.Is(err, ErrInvisible) {
			t.Errorf("ChangeVisibility of a visible message = %v, want %v", err, ErrInvisible)
		}
		if got := q.Receive(t.Context(), 1, 0, -1); len(got) != 1 {
			t.Errorf("Receive = %d messages, want 1", len(got))
		}
		q.Purge()
		if visible, inFlight, delayed := q.Depth(); visible+inFlight+delayed != 0 {
			t.Errorf("Depth after Purge = %d, %d, %d, want none", visible, inFlight, delayed)
		}
	})
}

func TestReceiveKeepsOrderAndMost(t *testing.T) {
	q := standard()
	var want []string
	for i := range 25 {
		q.Send(Message{ID: fmt.Sprint(i), Body: fmt.Sprint(i)}, -1)
		want = append(want, fmt.Sprint(i))
	}
	var got []string
	for range 3 {
		batch := q.Receive(t.Context(), 10, 0, -1)
		got = append(got, bodies(batch)...)
		for _, m := range batch {
			if err := q.Delete(m.Handle); err != nil {
				t.Fatal(err)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("received (-want +got):\n%s", diff)
	}
	if n := len(q.Arrived()); n != 25 {
		t.Errorf("Arrived = %d messages, want 25", n)
	}
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := standard()
		go func() {
			time.Sleep(time.Second)
			q.Send(Message{ID: "1"}, -1)
		}()
		if err := q.Wait(t.Context(), 1); err != nil {
			t.Errorf("Wait(1) = %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := q.Wait(ctx, 2); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait(2) = %v, want %v", err, context.DeadlineExceeded)
		}
	})
}

// TestMD5OfAttributes has the sums that AWS answered, recorded 2023-08-24.
func TestMD5OfAttributes(t *testing.T) {
	for _, tt := range []struct {
		attributes map[string]Attribute
		want       string
	}{
		{nil, ""},
		{map[string]Attribute{"attr1": {Type: "Number", String: "19.12"}}, "1f07082409022a373fa2a2601f82b3cb"},
		{map[string]Attribute{"attr2": {Type: "Number", String: "109.12"}, "attr1": {Type: "Number", String: "99.12"}}, "9b720b3af309c1c4b0d395c53b08c502"},
	} {
		if got := (Message{Attributes: tt.attributes}).MD5OfAttributes(); got != tt.want {
			t.Errorf("MD5OfAttributes(%v) = %s, want %s", tt.attributes, got, tt.want)
		}
	}
	text := Message{Attributes: map[string]Attribute{"a": {Type: "String", String: "x"}}}
	binary := Message{Attributes: map[string]Attribute{"a": {Type: "Binary", Binary: []byte("x")}}}
	if text.MD5OfAttributes() == binary.MD5OfAttributes() {
		t.Error("MD5OfAttributes is the same for text and bytes")
	}
	if got := binary.Size(); got != 8 {
		t.Errorf("Size = %d, want 8", got)
	}
}
