// Command bench measures the functions as they ship, each beside a plain handler for the same AWS service, in one run on one
// machine: events per second on one core, latency, memory, connections, start. It is Linux's alone, and wants two CPUs: the
// program under test has one for itself, the load and the far side, a fake that answers at once, have the other.
//
//	bench [-seconds 3] [-rounds 3] [-clients 32] [-only sns|dynamodb|lambda] [-json]
//
// It expects the functions and the plain handlers beside its own binary; `make bench` builds them. A run counts only if the far
// side took exactly the events that were accepted; else bench fails. docs/performance.md explains the figures.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures and prints; progress goes to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	r, err := measureAll(ctx, o, filepath.Dir(self), stderr)
	if err != nil {
		return err
	}
	if o.json {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	r.print(stdout)
	return nil
}
