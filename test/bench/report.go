package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/trustbridge/trustbridge/test/bench/internal/process"
)

// report is what a run of bench found.
type report struct {
	Time     time.Time           `json:"time"` // of its end
	Machine  process.Description `json:"machine"`
	Go       string              `json:"go"`
	Seconds  float64             `json:"seconds"`
	Rounds   int                 `json:"rounds"`
	Clients  int                 `json:"clients"`
	Before   string              `json:"load_average_before"`
	After    string              `json:"load_average_after"` // with our own load
	Ceiling  figures             `json:"plain_nothing"`
	Services []*comparison       `json:"services"`

	ceiling []figures // one a round
}

// comparison is a function beside the plain handler.
type comparison struct {
	Function string             `json:"function"`
	Ours     figures            `json:"ours"` // medians, as all but Least and Most
	Least    figures            `json:"ours_least"`
	Most     figures            `json:"ours_most"`
	Plain    figures            `json:"plain"`
	Ratios   figures            `json:"ours_to_plain"`
	Budgets  map[string]verdict `json:"budgets"` // :: name of the row

	service     service
	ours, plain []figures // one a round
}

// verdict is a budget and whether the median meets it.
type verdict struct {
	Limit string `json:"limit"`
	Met   bool   `json:"met"`
}

func newReport(o options, machine process.Description) *report {
	r := &report{
		Machine: machine, Go: runtime.Version(), Seconds: o.measure.Seconds(), Rounds: o.rounds, Clients: o.clients, Before: process.LoadAverage(),
	}
	for _, s := range selected(o.only) {
		r.Services = append(r.Services, &comparison{Function: s.function, service: s})
	}
	return r
}

// finish makes medians, ratios and verdicts of what the rounds gave.
func (r *report) finish(now time.Time, average string) {
	r.Time, r.After = now, average
	r.Ceiling = medians(r.ceiling)
	for _, c := range r.Services {
		c.Ours, c.Plain = medians(c.ours), medians(c.plain)
		c.Least, c.Most = reduce(c.ours, slices.Min), reduce(c.ours, slices.Max)
		c.Budgets = make(map[string]verdict)
		for _, row := range rows() {
			value := *row.of(&c.Ours)
			if !row.about {
				*row.of(&c.Ratios) = ratio(value, *row.of(&c.Plain))
			}
			if b := row.budget(c.service); b != (budget{}) {
				c.Budgets[strings.TrimSpace(row.name)] = verdict{row.limit(b), b.met(value)}
			}
		}
	}
}

// limit is a budget as it is printed.
func (r row) limit(b budget) string {
	sign := "≤ "
	if b.least {
		sign = "≥ "
	}
	return sign + row{format: "%g"}.text(b.limit)
}

// text is a value as it is printed, with commas in thousands.
func (r row) text(value float64) string {
	whole, fraction, _ := strings.Cut(fmt.Sprintf(r.format, value), ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return whole
}

// print writes the report for a human.
func (r *report) print(out io.Writer) {
	count := row{format: "%.0f"}
	fmt.Fprintf(out, "\n%s, %d CPUs, Linux %s, %s; load average %s before, %s after\n", r.Machine.CPU, r.Machine.CPUs, r.Machine.Kernel, r.Go, r.Before, r.After)
	fmt.Fprintf(out, "A: %d clients, D: one. Each program alone on one CPU; load and far side, which answers at once, on another. Binary-mode\n"+
		"CloudEvents with 1 KB of JSON over plain HTTP. Medians of %d rounds of %g s; [least … most] of ours. Every accepted event arrived.\n",
		r.Clients, r.Rounds, r.Seconds)
	fmt.Fprintf(out, "Ceiling: a handler that only answers 204 takes %s events/s, %s per second of its CPU; the load used %.0f %% of its CPU.\n",
		count.text(r.Ceiling.EventsPerSecond), count.text(r.Ceiling.EventsPerCPUSecond), r.Ceiling.LoadCPU)
	for _, c := range r.Services {
		c.print(out)
	}
}

func (c *comparison) print(out io.Writer) {
	const columns = "%-29s %9s %19s %9s %8s   %-9s %s"
	fmt.Fprintf(out, "\n"+columns[:len(columns)-len(" %-9s %s")]+" budget\n", c.Function, "ours", "[least … most]", "plain", "ratio")
	for _, row := range rows() {
		value := *row.of(&c.Ours)
		plain, ratio, limit, met := "–", "–", "", ""
		if row.plain {
			plain = row.text(*row.of(&c.Plain))
			if by := *row.of(&c.Ratios); by > 0 {
				ratio = fmt.Sprintf("%.2f ×", by)
			}
		}
		if b := row.budget(c.service); b != (budget{}) {
			limit, met = row.limit(b), "missed"
			if b.met(value) {
				met = "met"
			}
		}
		between := "[" + row.text(*row.of(&c.Least)) + " … " + row.text(*row.of(&c.Most)) + "]"
		line := fmt.Sprintf(columns, row.name, row.text(value), between, plain, ratio, limit, met)
		fmt.Fprintln(out, strings.TrimRight(line, " "))
	}
}
