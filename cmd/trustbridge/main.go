// Command trustbridge is the operator's tool. trustbridge setup does the one-time set-up between SAP BTP and AWS, as far as that
// needs no account of AWS, and writes what does. trustbridge --help lists the commands.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/trustbridge/trustbridge/cmd/trustbridge/internal/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	code := command.Run(ctx, command.Process{
		Args: os.Args[1:], Environment: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr, Now: time.Now(),
	})
	stop()
	os.Exit(code)
}
