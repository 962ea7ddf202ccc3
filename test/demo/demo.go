package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/trustbridge/trustbridge/test/local"
)

// demo is one run.
type demo struct {
	out         io.Writer
	bin, folder string
	standIn     *child
	function    *child
	description local.Description
	url         string
	sent        []string // ids of the events that were answered 204
	proofs      int
}

// say prints text, and what it took behind it.
func (d *demo) say(text, took string) {
	if took == "" {
		fmt.Fprintln(d.out, text)
		return
	}
	fmt.Fprintf(d.out, "%-99s %9s\n", text, took)
}

func (d *demo) phase(n int, name, what string, took time.Duration) {
	d.say(fmt.Sprintf("  %d  %-20s %s", n, name, what), milliseconds(took))
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// startStandIn starts SAP BTP and AWS, with the set-up of phases 1 to 3.
func (d *demo) startStandIn(ctx context.Context) error {
	var err error
	if d.standIn, err = startChild(ctx, "the stand-in", filepath.Join(d.bin, "local"), []string{"-folder", d.folder}, nil, false); err != nil {
		return err
	}
	d.say("\nStarting the stand-in of SAP BTP and AWS; it makes a certificate with an RSA 4096 key first …", "")
	if err := d.standIn.next(ctx, `"environment"`, &d.description); err != nil {
		return err
	}
	d.say("\nSet-up, once, by an administrator", "")
	numbers := map[string]int{"trust anchor": 1, "IAM role": 2, "profile": 3}
	for _, s := range d.description.Steps {
		if n := numbers[s.What]; n > 0 {
			d.phase(n, s.What, s.Result, s.Took)
		} else {
			d.say(fmt.Sprintf("     %-20s %s", s.What, s.Result), milliseconds(s.Took))
		}
	}
	return nil
}

// signedIn is the function's log line for a new session.
type signedIn struct {
	ValidUntil time.Time     `json:"valid_until"`
	Algorithm  string        `json:"algorithm"`
	Signing    time.Duration `json:"signing"`
}

// startFunction starts publish-sns, which signs in: phases 4 to 7.
func (d *demo) startFunction(ctx context.Context) error {
	start := time.Now()
	var err error
	d.function, err = startChild(ctx, "publish-sns", filepath.Join(d.bin, "publish-sns"), nil, d.description.Environment, true)
	if err != nil {
		return err
	}
	var listening struct{ Address string }
	if err := d.function.next(ctx, `"msg":"listening"`, &listening); err != nil {
		return err
	}
	d.url = "http://" + listening.Address + "/"
	ready := time.Since(start)
	var session signedIn
	if err := d.function.next(ctx, `"msg":"signed in to aws"`, &session); err != nil {
		return err
	}
	requests, err := d.requests(ctx)
	if err != nil {
		return err
	}
	d.say("\nRun time: publish-sns", "")
	d.say("     listens and is ready at "+d.url, milliseconds(ready))
	for _, r := range requests.BTP {
		what := map[string]string{"token": "token for the client of the binding", "find": "destination " + r.Name + " with certificate and key"}[r.Call]
		d.phase(4, "Destination service", fmt.Sprintf("%s: %d", what, r.Status), r.Duration)
	}
	d.phase(5, "application signs", session.Algorithm+" over CreateSession", session.Signing)
	for _, r := range requests.AWS {
		if r.Action == "CreateSession" {
			d.phase(6, "Roles Anywhere", fmt.Sprintf("checks signature, chain, profile, role of %s: %d", commonName(r.Identity), r.Status), r.Duration)
		}
	}
	d.phase(7, "credentials", "temporary, until "+session.ValidUntil.Local().Format(time.TimeOnly)+"; renewed before that", time.Since(start))
	return nil
}

// commonName is that part of a certificate's subject.
func commonName(subject string) string {
	_, cn, _ := strings.Cut(subject, "CN=")
	cn, _, _ = strings.Cut(cn, ",")
	return "CN=" + cn
}

// requests asks the stand-in what it was asked.
func (d *demo) requests(ctx context.Context) (*local.Requests, error) {
	body, status, _, err := call(ctx, http.MethodGet, d.description.ControlURL+"/requests", nil, nil)
	if err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("ask the stand-in for its requests: status %d: %w", status, err)
	}
	var out local.Requests
	if err := json.Unmarshal(body, &out); err != nil {
		return nil, fmt.Errorf("read the stand-in's requests: %w", err)
	}
	return &out, nil
}

// call sends one request and reads its answer.
func call(ctx context.Context, method, url string, header map[string]string, body []byte) ([]byte, int, time.Duration, error) {
	start := time.Now()
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, 0, 0, err
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, 0, 0, err
	}
	out, err := io.ReadAll(response.Body)
	return out, response.StatusCode, time.Since(start), errors.Join(err, response.Body.Close())
}

// sendEvents posts the events and wants each accepted: phase 8.
func (d *demo) sendEvents(ctx context.Context) error {
	d.say("", "")
	for _, e := range sapEvents() {
		body, status, took, err := call(ctx, http.MethodPost, d.url, e.header, []byte(e.body))
		if err != nil {
			return fmt.Errorf("send the event of %s: %w", e.sender, err)
		}
		if status != http.StatusNoContent {
			return fmt.Errorf("the event of %s was answered %d: %s", e.sender, status, body)
		}
		d.phase(8, "SNS", fmt.Sprintf("%s, %s: %d", e.sender, e.form, status), took)
		d.sent = append(d.sent, e.ids...)
	}
	return nil
}

// stop ends the function first, then the stand-in.
func (d *demo) stop() error {
	var errs []error
	for _, c := range []*child{d.function, d.standIn} {
		if c != nil {
			errs = append(errs, c.stop())
		}
	}
	return errors.Join(errs...)
}
