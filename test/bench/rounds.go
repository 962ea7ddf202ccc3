package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/trustbridge/trustbridge/test/bench/internal/process"
)

// startsARound is how often a program is started in a round for the median of its start.
const startsARound = 3

// gcPercent makes the load's and the far side's garbage collection rare: they share a core, and are not what is measured.
const gcPercent = 800

// placeCPUs is the CPU of the programs under test, after the load and the far side, this process, took another for themselves.
func placeCPUs(ctx context.Context) (cpu, cpus int, err error) {
	const needs = "Linux with at least two CPUs and taskset (package util-linux) is needed, so that the program under test has one for itself"
	if runtime.GOOS != "linux" {
		return 0, 0, fmt.Errorf("%s; this is %s", needs, runtime.GOOS)
	}
	all, err := process.CPUs()
	if err != nil {
		return 0, 0, err
	}
	if len(all) < 2 {
		return 0, 0, fmt.Errorf("%s; here is one CPU", needs)
	}
	if _, err := exec.LookPath("taskset"); err != nil {
		return 0, 0, fmt.Errorf("%s: %w", needs, err)
	}
	if err := process.Pin(ctx, all[1]); err != nil {
		return 0, 0, err
	}
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(gcPercent)
	return all[0], len(all), nil
}

// measureAll measures what the options ask for, with the programs in bin, and says on progress what it does.
func measureAll(ctx context.Context, o options, bin string, progress io.Writer) (_ *report, err error) {
	cpu, cpus, err := placeCPUs(ctx)
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(progress, "… making keys, one of them RSA 4096")
	s, err := newStage(ctx, bin, cpu, sapBits)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	r := newReport(o, process.Describe(cpus))
	for round := range o.rounds {
		say := func(name string, f figures) {
			fmt.Fprintf(progress, "… round %d of %d: %-15s %7.0f events/s, one client %.2f ms, others %2.0f %% of a CPU\n",
				round+1, o.rounds, name, f.EventsPerSecond, f.OneP50, f.ForeignCPU)
		}
		nothing, err := s.measure(ctx, s.nothing(), o, false)
		if err != nil {
			return nil, err
		}
		say("plain-nothing", nothing)
		r.ceiling = append(r.ceiling, nothing)
		for i, v := range selected(o.only) {
			if err := s.compare(ctx, v, o, round, r.Services[i], say); err != nil {
				return nil, err
			}
		}
	}
	r.finish(time.Now(), process.LoadAverage())
	return r, nil
}

// compare measures a function and the plain handler beside it; every other round the plain one goes first.
func (s *stage) compare(ctx context.Context, v service, o options, round int, out *comparison, say func(string, figures)) error {
	ours := func() error {
		p := s.function(v, quickIdentity)
		f, err := s.measure(ctx, p, o, true)
		if err != nil {
			return err
		}
		if f.Start, err = s.measureStart(ctx, p, startsARound); err != nil {
			return err
		}
		if f.StartSAP, err = s.measureStart(ctx, s.function(v, sapIdentity), startsARound); err != nil {
			return err
		}
		say(p.name, f)
		out.ours = append(out.ours, f)
		return nil
	}
	plain := func() error {
		p := s.plain(v)
		f, err := s.measure(ctx, p, o, true)
		if err != nil {
			return err
		}
		if f.Start, err = s.measureStart(ctx, p, startsARound); err != nil {
			return err
		}
		say(p.name, f)
		out.plain = append(out.plain, f)
		return nil
	}
	order := []func() error{ours, plain}
	if round%2 == 1 {
		order[0], order[1] = order[1], order[0]
	}
	for _, do := range order {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}
