package process

import (
	"bufio"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// roleVariable makes the test binary a program to be measured.
const roleVariable = "BENCH_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "":
		os.Exit(m.Run())
	case "work": // use CPU until there is SIGTERM
		term := make(chan os.Signal, 1)
		signal.Notify(term, syscall.SIGTERM)
		fmt.Println("CPUs:", line(read("/proc/self/status"), "Cpus_allowed_list:"))
		for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); {
		}
		fmt.Println("worked")
		<-term
		fmt.Println("ends")
	case "plain": // ends by the signal
		fmt.Println("worked")
		_, _ = bufio.NewReader(os.Stdin).ReadString(0)
		select {}
	case "fail":
		fmt.Fprintln(os.Stderr, "something is missing")
		os.Exit(3)
	}
}

func read(path string) string {
	text, _ := os.ReadFile(path)
	return string(text)
}

func start(t *testing.T, role string, cpu int) *Process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start(t.Context(), self, cpu, []string{roleVariable + "=" + role})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// await waits until a program wrote text. The processes are real, and so is their time.
func await(t *testing.T, p *Process, text string) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); !strings.Contains(p.Output(), text); {
		if time.Now().After(limit) {
			t.Fatalf("the program did not say %q but %q", text, p.Output())
		}
		<-time.After(time.Millisecond)
	}
}

func TestProcessIsPinnedMeasuredAndStopped(t *testing.T) {
	cpus, err := CPUs()
	if err != nil || len(cpus) == 0 {
		t.Fatalf("CPUs() = %v, %v", cpus, err)
	}
	last := cpus[len(cpus)-1]
	busy, err := Busy()
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, "work", last)
	await(t, p, "worked")
	if want := fmt.Sprint("CPUs: ", last, "\n"); !strings.HasPrefix(p.Output(), want) {
		t.Errorf("the program may run on %q, want %q", p.Output(), want)
	}
	used, err := CPUTime(p.PID())
	if err != nil || used == 0 || used > 2*time.Second {
		t.Errorf("CPUTime = %v, %v, want up to 200ms and its start", used, err)
	}
	if later, err := Busy(); err != nil || later <= busy {
		t.Errorf("Busy = %v, %v, want more than %v", later, err, busy)
	}
	memory, err := MemoryOf(p.PID())
	if err != nil || memory.Now < 1<<20 || memory.Peak < memory.Now {
		t.Errorf("MemoryOf = %+v, %v, want some megabytes", memory, err)
	}
	if err := p.Stop(); err != nil {
		t.Errorf("Stop = %v", err)
	}
	if !strings.Contains(p.Output(), "ends") {
		t.Errorf("the program was not asked to end: %q", p.Output())
	}
	if _, err := CPUTime(p.PID()); err == nil {
		t.Error("the CPU time of an ended process was read")
	}
	if _, err := MemoryOf(p.PID()); err == nil {
		t.Error("the memory of an ended process was read")
	}
}

func TestProcessThatEndsByTheSignalEndsWell(t *testing.T) {
	cpus, err := CPUs()
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, "plain", cpus[0])
	await(t, p, "worked")
	if err := p.Stop(); err != nil {
		t.Errorf("Stop = %v", err)
	}
}

func TestProcessThatFailsSaysWhy(t *testing.T) {
	cpus, err := CPUs()
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, "fail", cpus[0])
	await(t, p, "something is missing")
	<-p.Ended() // else the signal could be earlier than its own end
	err = p.Stop()
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "something is missing") {
		t.Errorf("Stop = %v, want the exit status and the last words", err)
	}
}

func TestPinMovesThisProcess(t *testing.T) {
	cpus, err := CPUs()
	if err != nil {
		t.Fatal(err)
	}
	if err := Pin(t.Context(), cpus[0]); err != nil {
		t.Fatal(err)
	}
	if got, want := line(read("/proc/self/status"), "Cpus_allowed_list:"), fmt.Sprint(cpus[0]); got != want {
		t.Errorf("this process may run on %s, want %s", got, want)
	}
	if err := Pin(t.Context(), 1<<20); err == nil || !strings.Contains(err.Error(), "pin the load to CPU 1048576") {
		t.Errorf("Pin to a CPU that does not exist = %v", err)
	}
}

func TestMachineDescribesItself(t *testing.T) {
	if d := Describe(2); d.CPUs != 2 || d.Kernel == "" || strings.ContainsAny(d.CPU, ":\t\n") {
		t.Errorf("Describe = %+v", d)
	}
	if LoadAverage() == "" {
		t.Error("there is no load average")
	}
}
