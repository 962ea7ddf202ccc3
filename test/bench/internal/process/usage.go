package process

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU time in /proc: Linux shows all programs a USER_HZ of 100.
// Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
const tick = 10 * time.Millisecond

var errShape = errors.New("it does not have the shape that Linux gives it")

// CPUTime is what a process has used of CPUs, in its own code and in the kernel, to the nearest 10 ms.
func CPUTime(pid int) (time.Duration, error) {
	path := fmt.Sprintf("/proc/%d/stat", pid)
	text, err := os.ReadFile(path) //nolint:gosec // of a number
	if err != nil {
		return 0, err
	}
	used, err := parseStat(string(text))
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", path, err)
	}
	return used, nil
}

// parseStat adds utime and stime, fields 14 and 15. The name before them may hold anything, spaces and brackets too.
func parseStat(text string) (time.Duration, error) {
	_, rest, found := cutLast(text, ") ")
	fields := strings.Fields(rest)
	const utime, stime = 14 - 3, 15 - 3 // rest begins with field 3
	if !found || len(fields) <= stime {
		return 0, errShape
	}
	return ticks(fields[utime : stime+1])
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func ticks(fields []string) (time.Duration, error) {
	var sum time.Duration
	for _, f := range fields {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, errShape
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}

// Memory is what a process has resident, in bytes.
type Memory struct {
	Now, Peak int64
}

// MemoryOf reads it.
func MemoryOf(pid int) (Memory, error) {
	path := fmt.Sprintf("/proc/%d/status", pid)
	text, err := os.ReadFile(path) //nolint:gosec // of a number
	if err != nil {
		return Memory{}, err
	}
	m, err := parseMemory(string(text))
	if err != nil {
		return Memory{}, fmt.Errorf("read %s: %w", path, err)
	}
	return m, nil
}

// Source: https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
func parseMemory(text string) (m Memory, err error) {
	if m.Now, err = kilobytes(text, "VmRSS:"); err != nil {
		return Memory{}, err
	}
	m.Peak, err = kilobytes(text, "VmHWM:")
	return m, err
}

func kilobytes(text, name string) (int64, error) {
	fields := strings.Fields(line(text, name))
	if len(fields) != 2 || fields[1] != "kB" {
		return 0, errShape
	}
	n, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return 0, errShape
	}
	return n << 10, nil
}

// line is what stands behind name at the beginning of a line, "" if nothing does.
func line(text, name string) string {
	for l := range strings.Lines(text) {
		if rest, found := strings.CutPrefix(l, name); found {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}
