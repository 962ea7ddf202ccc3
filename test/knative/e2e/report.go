package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// report prints what is done and what is proved. Safe for concurrent use.
type report struct {
	out   io.Writer
	began time.Time

	mu             sync.Mutex // guards out and what follows
	proved, failed int
}

func newReport(out io.Writer) *report { return &report{out: out, began: time.Now()} }

// step says that something is done, with the time since the begin.
func (r *report) step(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.out, "%6.1f s  %s\n", time.Since(r.began).Seconds(), what)
}

// command shows a command that is run as the README says.
func (r *report) command(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.out, "          $ %s\n", text)
}

// prove counts a statement and prints it with what was seen.
func (r *report) prove(statement string, holds bool, seen ...any) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	word := "ok  "
	if holds {
		r.proved++
	} else {
		r.failed++
		word = "FAIL"
	}
	fmt.Fprintf(r.out, "    %s  %s\n", word, statement)
	for _, s := range seen {
		if text := fmt.Sprint(s); text != "" {
			fmt.Fprintf(r.out, "            %s\n", text)
		}
	}
	return holds
}

func (r *report) counts() (proved, failed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.proved, r.failed
}
