// Package command is the command line of trustbridge: flags, help, what is printed where, and exit codes.
//
// [Run] is the one call. It promises that results go to stdout and errors to stderr, each error with the next step where there is
// one; that usage errors are told before anything is done; and that no secret is printed.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitOK      = 0 // done, or nothing was to be done
	exitFailure = 1 // it could not be done; stderr says why
	exitUsage   = 2 // the command line is wrong; nothing was done
)

// Process is what a program has of the system.
type Process struct {
	// Args are the arguments without the program's name.
	Args []string
	// Environment is lines NAME=value.
	Environment    []string
	Stdout, Stderr io.Writer
	// Now is the time by which validity is judged.
	Now time.Time
}

// usageError is about the command line itself.
type usageError struct{ error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// failure is an error of a command that ran. All other errors that cobra returns are about the command line.
type failure struct {
	error
	hint string
}

// Run runs the command that the arguments name, and returns the exit code: 0 done, 1 failed, 2 usage.
func Run(ctx context.Context, p Process) int {
	root := &cobra.Command{
		Use:   "trustbridge",
		Short: "Set up and look after the bridge between SAP BTP and AWS",
		Long: `trustbridge is the operator's tool of the functions publish-sns, store-dynamodb and invoke-lambda, which
take events from SAP BTP and forward them to AWS, with a certificate of the SAP BTP Destination service as
their only identity.`,
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(newSetup(p))
	root.SetArgs(p.Args)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(p.Stderr, "%s: %s\n", command.CommandPath(), strings.TrimSpace(err.Error()))
	if f, is := errors.AsType[failure](err); is {
		if f.hint != "" {
			fmt.Fprintf(p.Stderr, "hint: %s\n", f.hint)
		}
		return exitFailure
	}
	fmt.Fprintf(p.Stderr, "hint: %s --help\n", command.CommandPath())
	return exitUsage
}
