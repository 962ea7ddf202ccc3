package process

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseStat(t *testing.T) {
	const line = "712 (publish-sns) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0 9 0 1 2 3"
	for _, row := range []struct {
		in   string
		want time.Duration
		err  error
	}{
		{line, 1750 * time.Millisecond, nil},
		{strings.Replace(line, "publish-sns", "a) S (b", 1), 1750 * time.Millisecond, nil},
		{strings.Replace(line, "150", "x", 1), 0, errShape},
		{"712 (short) S 1", 0, errShape},
		{"", 0, errShape},
	} {
		if got, err := parseStat(row.in); got != row.want || !errors.Is(err, row.err) {
			t.Errorf("parseStat(%q) = %v, %v, want %v, %v", row.in, got, err, row.want, row.err)
		}
	}
}

func TestParseMemory(t *testing.T) {
	const status = "Name:\tx\nVmPeak:\t  99999 kB\nVmHWM:\t   20000 kB\nVmRSS:\t   12345 kB\nThreads:\t7\n"
	if got, err := parseMemory(status); err != nil || got != (Memory{Now: 12345 << 10, Peak: 20000 << 10}) {
		t.Errorf("parseMemory = %+v, %v, want 12345 and 20000 KiB", got, err)
	}
	for _, wrong := range []string{"", "VmRSS: 1 kB\n", "VmHWM: 1 kB\n", "VmHWM: 1 kB\nVmRSS: 1 MB\n", "VmHWM: 1 kB\nVmRSS: x kB\n"} {
		if got, err := parseMemory(wrong); !errors.Is(err, errShape) {
			t.Errorf("parseMemory(%q) = %+v, %v, want an error", wrong, got, err)
		}
	}
}

func TestParseList(t *testing.T) {
	for _, row := range []struct {
		in   string
		want []int
		ok   bool
	}{
		{"0-1", []int{0, 1}, true},
		{"3", []int{3}, true},
		{"0-2,8,10-11", []int{0, 1, 2, 8, 10, 11}, true},
		{"", nil, false},
		{"2-1", nil, false},
		{"0-", nil, false},
		{"x", nil, false},
	} {
		if got, err := parseList(row.in); !cmp.Equal(got, row.want) || (err == nil) != row.ok {
			t.Errorf("parseList(%q) = %v, %v, want %v, success %t", row.in, got, err, row.want, row.ok)
		}
	}
}

func TestParseBusy(t *testing.T) {
	const stat = "cpu  100 1 20 9999 50 60 70 3 0 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n"
	if got, err := parseBusy(stat); err != nil || got != 1240*time.Millisecond {
		t.Errorf("parseBusy = %v, %v, want 1.24s: user, nice, system and steal", got, err)
	}
	for _, wrong := range []string{"", "cpu  1 2 3\n", "cpu  1 2 x 4 5 6 7 8 9 10\n"} {
		if got, err := parseBusy(wrong); !errors.Is(err, errShape) {
			t.Errorf("parseBusy(%q) = %v, %v, want an error", wrong, got, err)
		}
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	var tail tail
	for range 3 {
		_, _ = tail.Write([]byte(strings.Repeat("a", tailMax-1)))
	}
	_, _ = tail.Write([]byte("the end"))
	if got := tail.String(); len(got) != tailMax || !strings.HasSuffix(got, "athe end") {
		t.Errorf("the tail has %d bytes and ends with %q, want %d and the end", len(got), got[len(got)-10:], tailMax)
	}
}
