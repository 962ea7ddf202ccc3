package fifo

import (
	"fmt"
	"testing"
	"time"
)

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

func TestLedger(t *testing.T) {
	var l Ledger
	first, repeat := l.Accept("", "a", "m1", noon)
	if repeat || first.MessageID != "m1" || len(first.SequenceNumber) != 20 {
		t.Fatalf("Accept = %+v, %v, want the message taken under 20 digits", first, repeat)
	}
	for _, tt := range []struct {
		name, scope, id string
		at              time.Duration
		repeat          bool
	}{
		{"at once", "", "a", 0, true},
		{"another id", "", "b", time.Second, false},
		{"the same id in a group", "g", "a", time.Second, false},
		{"a group and an id that join to the same text", "", "g a", time.Second, false},
		{"just within", "", "a", Window - 1, true},
		{"five minutes later", "", "a", Window, false},
		{"again within", "", "a", 2*Window - 1, true},
		{"long after", "", "a", time.Hour, false},
	} {
		got, repeat := l.Accept(tt.scope, tt.id, tt.name, noon.Add(tt.at))
		if repeat != tt.repeat {
			t.Errorf("%s: repeat = %v, want %v", tt.name, repeat, tt.repeat)
		}
		if tt.at < Window && tt.repeat && got != first {
			t.Errorf("%s: receipt = %+v, want the first's %+v", tt.name, got, first)
		}
	}
}

// TestClockMovesBack: an id counts for five minutes also when a later one was seen at an earlier time.
func TestClockMovesBack(t *testing.T) {
	var l Ledger
	l.Accept("", "a", "m1", noon.Add(time.Hour))
	l.Accept("", "b", "m2", noon)
	if _, repeat := l.Accept("", "b", "m3", noon.Add(Window-1)); !repeat {
		t.Error("Accept within the window = new, want a repeat")
	}
	if _, repeat := l.Accept("", "b", "m4", noon.Add(Window)); repeat {
		t.Error("Accept after five minutes = a repeat, want it new")
	}
}

func TestSequenceNumbersRise(t *testing.T) {
	var l Ledger
	last := ""
	for i := range 1000 {
		r, _ := l.Accept("", fmt.Sprint(i), "m", noon)
		if r.SequenceNumber <= last || len(r.SequenceNumber) != 20 {
			t.Fatalf("sequence number %d = %s after %s, want 20 digits that rise", i, r.SequenceNumber, last)
		}
		last = r.SequenceNumber
	}
}

func TestLedgerForgets(t *testing.T) {
	var l Ledger
	for i := range 10_000 {
		l.Accept("", fmt.Sprint(i), "m", noon.Add(time.Duration(i)*time.Second))
	}
	if most := int(Window / time.Second); len(l.seen) > most || len(l.order) > most {
		t.Errorf("%d and %d ids are remembered, want those of five minutes", len(l.seen), len(l.order))
	}
}

// TestContentID has the id that AWS showed, recorded 2023-12-07.
func TestContentID(t *testing.T) {
	if got, want := ContentID("Test"), "532eaabd9574880dbf76b9b8cc00832c20a6ec113d682299550d7a6e0f345e25"; got != want {
		t.Errorf("ContentID(Test) = %s, want %s", got, want)
	}
}
