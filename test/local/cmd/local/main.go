// Command local runs the local stand-in of SAP BTP and AWS until it is told to end. When everything is set up and listens it
// writes one line of JSON to standard output: where it is reached and how a function is configured for it. With -bare nothing is
// set up: there is an instance of the Destination service with its service key, and a Lambda function in AWS.
//
//	local -folder DIR [-bare] [-aws 127.0.0.1:8443] [-btp 127.0.0.1:8444] [-control 127.0.0.1:8445]
//
// The control address answers GET /requests with what was asked of both parts, without secrets and payloads, and
// POST /stacks, the body of which is one of CloudFormation's CreateStack, with what was made.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/local/btp"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "local:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("local", flag.ContinueOnError)
	folder := flags.String("folder", "", "folder for the CA certificate and the service key, made if it is not there; required")
	awsAddress := flags.String("aws", "", "loopback address of the AWS part; empty: a free port")
	btpAddress := flags.String("btp", "", "loopback address of the BTP part; empty: a free port")
	control := flags.String("control", "", "loopback address that answers questions; empty: a free port")
	bits := flags.Int("bits", 4096, "size of the certificates' RSA keys; SAP's have 4096")
	bare := flags.Bool("bare", false, "set nothing up")
	lambda := flags.String("lambda", "", "program of the Lambda function; empty: one that answers what it gets")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *folder == "" || flags.NArg() > 0 {
		return errors.New("usage: local -folder DIR [-bare] [-aws ADDRESS] [-btp ADDRESS] [-control ADDRESS]")
	}
	if err := os.MkdirAll(*folder, 0o700); err != nil {
		return fmt.Errorf("make the folder: %w", err)
	}
	stand, err := local.Start(ctx, local.Config{Address: *awsAddress, BTPAddress: *btpAddress, BTP: btp.Config{Bits: *bits}})
	if err != nil {
		return err
	}
	function := local.Lambda{Timeout: 10 * time.Second}
	if *lambda != "" {
		function.Path, function.HandlerName = *lambda, "cloudevent"
	}
	listener, err := local.Listen(ctx, *control)
	if err != nil {
		return errors.Join(err, stand.Close())
	}
	server := &http.Server{Handler: questions(stand), ReadHeaderTimeout: time.Minute}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	controlURL := "http://" + listener.Addr().String()
	var description *local.Description
	if *bare {
		description, err = stand.Prepare(function, *folder, controlURL)
	} else {
		description, err = describe(stand, btp.Leaf{Bits: *bits}, function, *folder, controlURL)
	}
	if err == nil {
		err = json.NewEncoder(stdout).Encode(description)
	}
	if err == nil {
		<-ctx.Done()
	}
	err = errors.Join(err, server.Close(), stand.Close())
	serving.Wait()
	return err
}

// describe sets everything up.
func describe(stand *local.Stand, leaf btp.Leaf, function local.Lambda, folder, controlURL string) (*local.Description, error) {
	scenario, err := stand.SetUp(leaf, function)
	if err != nil {
		return nil, err
	}
	return scenario.Describe(folder, controlURL)
}

// stackMax is above what CloudFormation takes.
const stackMax = 1 << 20

// questions answers what was asked of the stand-in, and makes stacks.
func questions(stand *local.Stand) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /requests", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(stand.Requests()); err != nil {
			panic(http.ErrAbortHandler) // the client has gone
		}
	})
	mux.HandleFunc("POST /stacks", func(w http.ResponseWriter, r *http.Request) {
		var stack local.Stack
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, stackMax)).Decode(&stack); err != nil {
			http.Error(w, "read the stack: "+err.Error(), http.StatusBadRequest)
			return
		}
		made, err := stand.Apply(stack)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(made); err != nil {
			panic(http.ErrAbortHandler) // the client has gone
		}
	})
	return mux
}
