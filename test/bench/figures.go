package main

import "slices"

// figures are what a program was measured at. In setup A many clients send at once; those of "one client" are of setup D.
type figures struct {
	EventsPerSecond    float64 `json:"events_per_second"`
	EventsPerCPUSecond float64 `json:"events_per_cpu_second"` // of the program's own CPU time
	P50                float64 `json:"p50_ms"`
	P99                float64 `json:"p99_ms"`
	EventsPerCall      float64 `json:"events_per_call"`
	Connections        float64 `json:"new_connections_per_1000_events"`
	OneP50             float64 `json:"one_client_p50_ms"`
	OneP99             float64 `json:"one_client_p99_ms"`
	Idle               float64 `json:"resident_idle_mb"` // after the first event; megabytes of 10^6 bytes
	Peak               float64 `json:"resident_peak_mb"` // the most ever
	Start              float64 `json:"exec_to_first_event_ms"`
	StartSAP           float64 `json:"exec_to_first_event_rsa4096_ms,omitempty"`
	Binary             float64 `json:"binary_mb"`
	LoadCPU            float64 `json:"load_and_far_side_cpu_percent"` // of their CPU
	ForeignCPU         float64 `json:"other_processes_cpu_percent"`   // of one CPU
}

// row is one figure: how it is called, printed, and judged.
type row struct {
	name   string
	format string
	of     func(*figures) *float64
	budget func(service) budget
	plain  bool // plain handlers have it too
	about  bool // about the measurement, so that a ratio means nothing
}

// budget is a limit from the design: at least limit, or at most. The zero value is none.
type budget struct {
	limit float64
	least bool
}

func (b budget) met(value float64) bool {
	if b.least {
		return value >= b.limit
	}
	return value <= b.limit
}

// rows are all figures in the order in which they are printed.
// Source of the budgets: the design's table, which docs/performance.md repeats.
func rows() []row {
	atMost := func(limit float64) func(service) budget {
		return func(service) budget { return budget{limit: limit} }
	}
	none := func(service) budget { return budget{} }
	return []row{
		{"A  events/s on one core", "%.0f", func(f *figures) *float64 { return &f.EventsPerSecond },
			func(s service) budget { return budget{s.eventsBudget, true} }, true, false},
		{"A  events per second of CPU", "%.0f", func(f *figures) *float64 { return &f.EventsPerCPUSecond }, none, true, false},
		{"A  p50 ms", "%.2f", func(f *figures) *float64 { return &f.P50 }, none, true, false},
		{"A  p99 ms", "%.2f", func(f *figures) *float64 { return &f.P99 }, none, true, false},
		{"A  events per call to AWS", "%.1f", func(f *figures) *float64 { return &f.EventsPerCall }, none, true, false},
		{"A  new connections per 1,000", "%.2f", func(f *figures) *float64 { return &f.Connections }, atMost(2), true, false},
		{"D  one client, p50 ms", "%.3f", func(f *figures) *float64 { return &f.OneP50 }, atMost(0.40), true, false},
		{"D  one client, p99 ms", "%.3f", func(f *figures) *float64 { return &f.OneP99 }, atMost(0.80), true, false},
		{"   resident idle MB", "%.1f", func(f *figures) *float64 { return &f.Idle }, atMost(18), true, false},
		{"   resident peak MB", "%.1f", func(f *figures) *float64 { return &f.Peak }, atMost(28), true, false},
		{"   exec → first event ms", "%.1f", func(f *figures) *float64 { return &f.Start }, atMost(12), true, false},
		{"   … with an RSA 4096 key", "%.1f", func(f *figures) *float64 { return &f.StartSAP }, none, false, false},
		{"   binary MB", "%.1f", func(f *figures) *float64 { return &f.Binary }, atMost(22), true, false},
		{"   load and far side, CPU %", "%.0f", func(f *figures) *float64 { return &f.LoadCPU }, none, true, true},
		{"   other processes, CPU %", "%.0f", func(f *figures) *float64 { return &f.ForeignCPU }, none, true, true},
	}
}

// medians are the medians of each figure by itself.
func medians(all []figures) figures { return reduce(all, median) }

func reduce(all []figures, to func([]float64) float64) figures {
	var out figures
	for _, r := range rows() {
		values := make([]float64, len(all))
		for i := range all {
			values[i] = *r.of(&all[i])
		}
		*r.of(&out) = to(values)
	}
	return out
}

// median is the middle value, the mean of the middle two of an even number, 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
