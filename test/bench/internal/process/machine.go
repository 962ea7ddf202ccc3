package process

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// CPUs are those that this process may run on, by their numbers, in rising order.
func CPUs() ([]int, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil, err
	}
	out, err := parseList(line(string(text), "Cpus_allowed_list:"))
	if err != nil {
		return nil, fmt.Errorf("read the CPUs in /proc/self/status: %w", err)
	}
	return out, nil
}

// parseList reads a list like 0-3,8.
// Source: https://man7.org/linux/man-pages/man7/cpuset.7.html
func parseList(text string) ([]int, error) {
	var out []int
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err := strconv.Atoi(first)
		if err != nil {
			return nil, errShape
		}
		to, err := strconv.Atoi(last)
		if err != nil || to < from {
			return nil, errShape
		}
		for n := from; n <= to; n++ {
			out = append(out, n)
		}
	}
	return out, nil
}

// Busy is what all CPUs together have worked since the machine's start, with what its host took away, and without interrupts:
// those are nobody's, or everybody's.
func Busy() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	out, err := parseBusy(string(text))
	if err != nil {
		return 0, fmt.Errorf("read /proc/stat: %w", err)
	}
	return out, nil
}

// parseBusy adds user, nice, system and steal.
// Source: https://man7.org/linux/man-pages/man5/proc_stat.5.html
func parseBusy(text string) (time.Duration, error) {
	const steal = 7
	fields := strings.Fields(line(text, "cpu "))
	if len(fields) <= steal {
		return 0, errShape
	}
	return ticks(append(fields[:3:3], fields[steal]))
}

// Description is what figures say about the machine that they come from.
type Description struct {
	CPU    string `json:"cpu"`
	CPUs   int    `json:"cpus"`
	Kernel string `json:"kernel"`
}

// Describe reads it; what the machine does not tell is empty.
func Describe(cpus int) Description {
	d := Description{CPUs: cpus}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		d.CPU = strings.TrimSpace(strings.TrimPrefix(line(string(text), "model name"), "\t:"))
		d.CPU = strings.TrimSpace(strings.TrimPrefix(d.CPU, ":"))
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		d.Kernel = strings.TrimSpace(string(text))
	}
	return d
}

// LoadAverage is that of the last minute, "" if the machine does not tell.
func LoadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	average, _, _ := strings.Cut(string(text), " ")
	return average
}
