package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/test/bench/internal/process"
)

func TestParse(t *testing.T) {
	usual := options{measure: 3 * time.Second, rounds: 3, clients: 32}
	for _, row := range []struct {
		args string
		want options
		err  string
	}{
		{"", usual, ""},
		{"-seconds 5 -rounds 1 -clients 512 -only lambda -json", options{5 * time.Second, 1, 512, "lambda", true}, ""},
		{"-only sqs", options{}, `-only is "sqs"; it can be sns, dynamodb, lambda`},
		{"-seconds 0", options{}, "at least 1"},
		{"-rounds -1", options{}, "at least 1"},
		{"-clients 0", options{}, "at least 1"},
		{"sns", options{}, `"sns" is not understood`},
		{"-cpu 1", options{}, "not defined"},
	} {
		got, err := parse(strings.Fields(row.args), io.Discard)
		if got != row.want || (err == nil) != (row.err == "") || err != nil && !strings.Contains(err.Error(), row.err) {
			t.Errorf("parse(%q) = %+v, %v; want %+v, %q", row.args, got, err, row.want, row.err)
		}
	}
}

func TestSelected(t *testing.T) {
	for only, want := range map[string][]string{"": {"sns", "dynamodb", "lambda"}, "dynamodb": {"dynamodb"}, "sqs": nil} {
		if got := names(selected(only)); !cmp.Equal(got, want) {
			t.Errorf("selected(%q) = %v, want %v", only, got, want)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, row := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0},
		{[]float64{7}, 7},
		{[]float64{3, 1}, 2},
		{[]float64{9, 1, 5}, 5},
		{[]float64{4, 1, 3, 2}, 2.5},
	} {
		before := append([]float64(nil), row.values...)
		if got := median(row.values); got != row.want || !cmp.Equal(before, row.values) {
			t.Errorf("median(%v) = %v, want %v and the values as they were", before, got, row.want)
		}
	}
}

func TestBudgetIsMetAtItsLimit(t *testing.T) {
	for _, row := range []struct {
		budget budget
		value  float64
		met    bool
	}{
		{budget{16_000, true}, 16_000, true},
		{budget{16_000, true}, 15_999, false},
		{budget{0.4, false}, 0.4, true},
		{budget{0.4, false}, 0.401, false},
	} {
		if got := row.budget.met(row.value); got != row.met {
			t.Errorf("%+v met by %v = %t, want %t", row.budget, row.value, got, row.met)
		}
	}
}

// TestRowsAreTheFigures: a figure without a row would have neither a median nor a line.
func TestRowsAreTheFigures(t *testing.T) {
	var f figures
	for i, r := range rows() {
		*r.of(&f) = float64(i + 1)
	}
	out, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]float64
	if err := json.Unmarshal(out, &members); err != nil {
		t.Fatal(err)
	}
	seen := map[float64]string{}
	for name, value := range members {
		if value == 0 || seen[value] != "" {
			t.Errorf("the figure %s has no row of its own", name)
		}
		seen[value] = name
	}
	if len(seen) != len(rows()) {
		t.Errorf("%d figures have %d rows", len(seen), len(rows()))
	}
}

// finished is a report on two rounds of one service.
func finished(t *testing.T) *report {
	t.Helper()
	r := newReport(options{measure: 2 * time.Second, rounds: 2, clients: 32, only: "sns"}, process.Description{CPU: "Abacus", CPUs: 2, Kernel: "6.1"})
	r.ceiling = []figures{{EventsPerSecond: 80_000, EventsPerCPUSecond: 81_000, LoadCPU: 70}}
	ours := figures{
		EventsPerSecond: 15_000, EventsPerCPUSecond: 16_000, P50: 2, P99: 4, EventsPerCall: 7.4, Connections: 0.01, OneP50: 0.38, OneP99: 0.81,
		Idle: 13, Peak: 20, Start: 8, StartSAP: 14, Binary: 12.3, LoadCPU: 20, ForeignCPU: 1,
	}
	better := ours
	better.EventsPerSecond = 19_000
	plain := ours
	plain.EventsPerSecond, plain.Connections, plain.StartSAP = 5_000, 0, 0
	r.Services[0].ours, r.Services[0].plain = []figures{better, ours}, []figures{plain, plain}
	r.finish(time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC), "1.50")
	return r
}

func TestReportIsForHumans(t *testing.T) {
	r := finished(t)
	r.Go, r.Before = "go1", "0.10"
	var out bytes.Buffer
	r.print(&out)
	for _, want := range []string{
		"Abacus, 2 CPUs, Linux 6.1, go1; load average 0.10 before, 1.50 after\n",
		"Medians of 2 rounds of 2 s;",
		"a handler that only answers 204 takes 80,000 events/s, 81,000 per second of its CPU; the load used 70 % of its CPU.\n",
		"publish-sns                        ours      [least … most]     plain    ratio   budget\n",
		"A  events/s on one core          17,000   [15,000 … 19,000]     5,000   3.40 ×   ≥ 16,000  met\n",
		"A  new connections per 1,000       0.01       [0.01 … 0.01]      0.00        –   ≤ 2       met\n",
		"D  one client, p99 ms             0.810     [0.810 … 0.810]     0.810   1.00 ×   ≤ 0.8     missed\n",
		"   other processes, CPU %             1             [1 … 1]         1        –\n",
		"   … with an RSA 4096 key          14.0       [14.0 … 14.0]         –        –\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, out.String())
		}
	}
}

func TestReportIsJSON(t *testing.T) {
	out, err := json.Marshal(finished(t))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Services []struct {
			Function string
			Ours     figures
			Ratios   figures            `json:"ours_to_plain"`
			Budgets  map[string]verdict `json:"budgets"`
		}
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Services) != 1 || got.Services[0].Function != "publish-sns" || got.Services[0].Ours.EventsPerSecond != 17_000 || got.Services[0].Ratios.EventsPerSecond != 3.4 {
		t.Fatalf("services = %+v, want publish-sns with 17000 events/s, 3.4 times the plain handler's", got.Services)
	}
	want := map[string]verdict{"A  events/s on one core": {"≥ 16,000", true}, "D  one client, p99 ms": {"≤ 0.8", false}}
	for name, v := range want {
		if got.Services[0].Budgets[name] != v {
			t.Errorf("budget %q = %+v, want %+v", name, got.Services[0].Budgets[name], v)
		}
	}
}
