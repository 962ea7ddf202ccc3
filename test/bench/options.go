package main

import (
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// options are what is asked for on the command line.
type options struct {
	measure time.Duration // of each setup
	rounds  int
	clients int
	only    string // a service; "" is all
	json    bool
}

// parse reads the command line.
func parse(args []string, usage io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(usage)
	seconds := flags.Int("seconds", 3, "measured `seconds` of each setup in each round, after a warm-up")
	flags.IntVar(&o.rounds, "rounds", 3, "`rounds`; figures are their medians")
	flags.IntVar(&o.clients, "clients", 32, "`clients` that send at once in setup A")
	flags.StringVar(&o.only, "only", "", "measure one `service` alone: sns, dynamodb or lambda")
	flags.BoolVar(&o.json, "json", false, "print JSON instead of a table")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	o.measure = time.Duration(*seconds) * time.Second
	switch {
	case flags.NArg() > 0:
		return options{}, fmt.Errorf("%q is not understood; bench has flags only, see bench -help", flags.Arg(0))
	case *seconds < 1 || o.rounds < 1 || o.clients < 1:
		return options{}, fmt.Errorf("-seconds, -rounds and -clients must be at least 1")
	case o.only != "" && len(selected(o.only)) == 0:
		return options{}, fmt.Errorf("-only is %q; it can be %s", o.only, strings.Join(names(services()), ", "))
	}
	return o, nil
}
