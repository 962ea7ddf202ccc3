// Command demo shows the whole path on one machine, without any account: it starts the local stand-in of SAP BTP and AWS, does
// the one-time set-up with trustbridge setup, starts the functions as processes with the environments that it wrote, sends events
// as SAP's systems do, and prints what each phase of SAP's reference architecture did, with the proof at the far end.
//
//	demo [-once]
//
// It expects its companions beside its own binary: the functions, trustbridge, local, and lambda-echo. With -once it ends after the proof.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// patience is how long any step of the demo may take; making an RSA 4096 key is the longest.
const patience = time.Minute

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	once := flags.Bool("once", false, "end after the proof")
	if err := flags.Parse(args); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "trustbridge-demo")
	if err != nil {
		return err
	}
	d := &demo{out: out, bin: filepath.Dir(self), folder: folder, url: make(map[string]string), environments: make(map[string][]string)}
	defer func() {
		err = errors.Join(err, d.stop(), os.RemoveAll(folder))
		if err == nil && ctx.Err() != nil {
			fmt.Fprintln(out, "\nEverything has ended.")
		}
	}()
	if err := d.show(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // told to end
		}
		return err
	}
	if *once {
		return nil
	}
	return d.stay(ctx)
}

// show goes through all phases once.
func (d *demo) show(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	d.say("Trustbridge: events from SAP BTP arrive in Amazon SNS, DynamoDB and Lambda. All on this machine; every signature,\n"+
		"certificate chain, token and permission is checked by the other side.", "")
	for _, step := range []func(context.Context) error{d.startStandIn, d.setUp, d.publish, d.store, d.invoke, d.deliver} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}
