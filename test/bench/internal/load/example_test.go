package load_test

import (
	"fmt"
	"time"

	"github.com/trustbridge/trustbridge/test/bench/internal/load"
)

func ExampleResult_Percentile() {
	r := load.Result{Latencies: []time.Duration{1 * time.Millisecond, 2 * time.Millisecond, 3 * time.Millisecond, 40 * time.Millisecond}, Elapsed: time.Second}
	fmt.Println(r.PerSecond(), "events/s, p50", r.Percentile(50), "p99", r.Percentile(99))
	// Output: 4 events/s, p50 2ms p99 40ms
}
