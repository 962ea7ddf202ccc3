package forward

import (
	"testing"
	"time"
)

func TestTakePassesOverWhatIsSentAlone(t *testing.T) {
	q := newQueue()
	now := time.Now()
	first, alone, fresh := &entry{}, &entry{alone: true}, &entry{}
	first.sends = 1
	q.lead(first, now)
	q.lead(alone, now)
	q.push(fresh, now)
	if batch := q.take(Limits{Items: 10}, nil, now); len(batch) != 2 || batch[0] != first || batch[1] != fresh {
		t.Errorf("take() = %d entries, want the first and the fresh one", len(batch))
	}
	if batch := q.take(Limits{Items: 10}, nil, now); len(batch) != 1 || batch[0] != alone {
		t.Errorf("take() = %d entries, want the one that is sent alone", len(batch))
	}
}

// TestTheNextOfALaneIsReadyFromThenOn: it has waited for its key and not for a slot.
func TestTheNextOfALaneIsReadyFromThenOn(t *testing.T) {
	q := newQueue()
	long := time.Now().Add(-time.Hour)
	first, next := &entry{item: Item{Key: "k"}}, &entry{item: Item{Key: "k"}}
	q.push(first, long)
	q.push(next, long)
	if got := q.oldest(); !got.Equal(long) {
		t.Errorf("oldest() = %v, want %v", got, long)
	}
	q.lead(q.drop(first), time.Now())
	if q.n() != 1 || time.Since(q.oldest()) > time.Minute {
		t.Errorf("%d ready since %v, want the next one, since now", q.n(), q.oldest())
	}
}
