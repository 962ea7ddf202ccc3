// Command e2e deploys deploy/knative as its README says, on a cluster of this machine, and proves what becomes of events: what
// arrived where, how often it was sent, and why what did not arrive did not. The far ends are the local stand-in of SAP BTP and
// AWS; Kubernetes and Knative are real, as far as package cluster says.
//
// It runs in the folder of its module, after the programs were built; make check-knative does both.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/trustbridge/trustbridge/test/knative/cluster"
)

// most is how long a run may take. One on an idle machine of 2 cores takes about a minute.
const most = 8 * time.Minute

// errFailed ends a run in which something was not as it should be; the report has said what.
var errFailed = errors.New("not everything was proved")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	code := start(ctx, os.Args[1:], os.Stdout)
	stop()
	os.Exit(code)
}

// start is the whole program, in a user namespace if that is needed.
func start(ctx context.Context, args []string, out io.Writer) int {
	again, ok := cluster.Namespaced(ctx, args)
	if !ok {
		if err := again.Run(); err != nil {
			var ended *exec.ExitError
			if errors.As(err, &ended) && ended.ExitCode() > 0 {
				return ended.ExitCode()
			}
			fmt.Fprintln(out, "e2e: become root of a user namespace:", err, "- run it as root, or allow user namespaces")
			return 1
		}
		return 0
	}
	if err := run(ctx, args, out); err != nil {
		fmt.Fprintln(out, "e2e:", err)
		return 1
	}
	return 0
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("e2e", flag.ContinueOnError)
	programs := flags.String("programs", "../../.cache/knative/bin", "folder with the programs")
	state := flags.String("state", "../../.cache/knative/state", "folder for state and logs; it is emptied")
	root := flags.String("root", "../..", "root of the repository")
	keep := flags.Bool("keep", false, "stay up afterwards, until interrupted")
	if err := flags.Parse(args); err != nil {
		return err
	}
	limited, cancel := context.WithTimeoutCause(ctx, most, fmt.Errorf("it took longer than %v", most))
	defer cancel()
	r := newReport(out)
	s, err := newStage(limited, *root, *programs, r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	s.cluster, err = cluster.Start(limited, cluster.Config{
		Programs: *programs, State: *state, Module: ".", Step: r.step,
		Logger: slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return fmt.Errorf("start the cluster: %w; logs are in %s", err, *state)
	}
	if err := s.deploy(limited); err != nil {
		return fmt.Errorf("%w; logs are in %s", err, *state)
	}
	s.proveAll(limited)
	bytes, processes := s.cluster.Memory()
	r.step(fmt.Sprintf("done: %d processes in %d MB; logs are in %s", processes, bytes>>20, *state))
	if *keep && ctx.Err() == nil {
		r.step(fmt.Sprintf("up: %s/kubectl --kubeconfig %s/kubeconfig -n trustbridge get ksvc,broker,trigger; interrupt to end", *programs, *state))
		<-ctx.Done()
	}
	if proved, failed := r.counts(); failed > 0 {
		return fmt.Errorf("%w: %d proved, %d failed", errFailed, proved, failed)
	}
	r.step("everything was proved")
	return nil
}
