package senders

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trustbridge/trustbridge/test/virtual"
)

// TestTheTableOfAnswersIsTrue gives each sender each answer once, and good ones afterwards, and compares what it does with docs/senders.md.
func TestTheTableOfAnswersIsTrue(t *testing.T) {
	text, err := os.ReadFile("../../../../docs/senders.md")
	if err != nil {
		t.Fatal(err)
	}
	columns := [][]string{{"Event Mesh", "CAP"}, {"Advanced Event Mesh"}, {"Event Hub"}, {"Kyma"}}
	marks := regexp.MustCompile(`\s*\[(\d+|unverified)\]`)
	sources := make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		if number, _, found := strings.Cut(line, ". "); found {
			sources["["+number+"]"] = true
		}
	}
	rows := 0
	_, table, _ := strings.Cut(string(text), "| our answer |")
	table, _, _ = strings.Cut(table, "\n\n")
	for _, line := range strings.Split(table, "\n")[2:] {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if len(cells) != 1+len(columns) {
			t.Fatalf("row %q has %d cells, want %d", line, len(cells), 1+len(columns))
		}
		rows++
		for i, senders := range columns {
			found := marks.FindAllString(cells[1+i], -1)
			if len(found) == 0 {
				t.Errorf("row %q: %q names no source, nor that there is none", cells[0], cells[1+i])
			}
			for _, mark := range found {
				if mark = strings.TrimSpace(mark); mark != "[unverified]" && !sources[mark] {
					t.Errorf("row %q: %s of %q is not in the list of sources", cells[0], mark, cells[1+i])
				}
			}
			want := marks.ReplaceAllString(cells[1+i], "")
			for _, sender := range senders {
				if got := behaviour(t, sender, cells[0]); got != want {
					t.Errorf("%s, answered %s: docs/senders.md says %q, it does %q", sender, cells[0], want, got)
				}
			}
		}
	}
	if rows != 13 {
		t.Errorf("the table has %d rows, want 13", rows)
	}
}

// behaviour is what a sender does with an answer, in the words of the table.
func behaviour(t *testing.T, sender, answer string) (out string) {
	t.Helper()
	virtual.Run(t, func(t *testing.T) {
		target := newTarget(t, func(ctx context.Context, _ request, n int) (int, error) {
			switch {
			case n > 1:
				return 200, nil
			case answer == "connection refused":
				return 0, errors.New(answer)
			case answer == "no answer in time":
				return 200, wait(ctx, 2*time.Minute)
			}
			return strconv.Atoi(answer)
		})
		report := deliver(t, makers()[sender](t, Options{Client: target.client()}), orders(1)...)
		d := report.Deliveries[0]
		if d.Outcome != Delivered || len(d.Attempts) > 2 {
			t.Errorf("%s, answered %s: %v after %d requests", sender, answer, d.Outcome, len(d.Attempts))
		}
		if len(d.Attempts) == 1 {
			out = "done"
			return
		}
		first, second := d.Attempts[0], d.Attempts[1]
		if second.Start.Before(first.Start) { // the list is in the order of the answers
			first, second = second, first
		}
		switch gap := second.Start.Sub(first.Start.Add(first.Duration)); {
		case gap < 0:
			out = fmt.Sprintf("a second one after %s, beside the first", words(second.Start.Sub(first.Start)))
		case first.Duration > 0:
			out = fmt.Sprintf("again after %s, time-out %s", words(gap), words(first.Duration))
		default:
			out = "again after " + words(gap)
		}
	})
	return out
}

func words(d time.Duration) string {
	if d >= time.Minute {
		return fmt.Sprintf("%g min", d.Minutes())
	}
	return fmt.Sprintf("%g s", d.Seconds())
}
