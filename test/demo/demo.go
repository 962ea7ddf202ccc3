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
	"slices"
	"strings"
	"time"

	"github.com/trustbridge/trustbridge/test/local"
)

// demo is one run.
type demo struct {
	out             io.Writer
	bin, folder     string
	standIn         *child
	functions       []*child
	description     local.Description
	environments    map[string][]string // :: function → what it starts with
	queueURL, table string
	url             map[string]string // :: function → where it listens
	address         string            // of the function that was started last
	sent            []string          // ids of the events that SNS has
	proofs          int
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

// signedIn is the function's log line for a new session.
type signedIn struct {
	ValidUntil time.Time     `json:"valid_until"`
	Algorithm  string        `json:"algorithm"`
	Signing    time.Duration `json:"signing"`
}

// startFunction starts a function and waits until it has signed in.
func (d *demo) startFunction(ctx context.Context, name string, settings ...string) (session signedIn, ready, total time.Duration, err error) {
	start := time.Now()
	f, err := startChild(ctx, name, filepath.Join(d.bin, name), nil, slices.Concat(d.environments[name], settings), true)
	if err != nil {
		return session, 0, 0, err
	}
	d.functions = append(d.functions, f)
	var listening struct{ Address string }
	if err := f.next(ctx, `"msg":"listening"`, &listening); err != nil {
		return session, 0, 0, err
	}
	d.address = listening.Address
	if d.url[name] == "" {
		d.url[name] = "http://" + d.address + "/"
	}
	ready = time.Since(start)
	err = f.next(ctx, `"msg":"signed in to aws"`, &session)
	return session, ready, time.Since(start), err
}

// publish shows publish-sns in full: phases 4 to 8.
func (d *demo) publish(ctx context.Context) error {
	before, err := d.requests(ctx)
	if err != nil {
		return err
	}
	session, ready, total, err := d.startFunction(ctx, "publish-sns")
	if err != nil {
		return err
	}
	requests, err := d.requests(ctx)
	if err != nil {
		return err
	}
	d.say("\nRun time: publish-sns", "")
	d.say("     listens and is ready at "+d.url["publish-sns"], milliseconds(ready))
	for _, r := range requests.BTP[len(before.BTP):] {
		what := map[string]string{"token": "token for the client of the binding", "find": "destination " + r.Name + " with certificate and key"}[r.Call]
		d.phase(4, "Destination service", fmt.Sprintf("%s: %d", what, r.Status), r.Duration)
	}
	d.phase(5, "application signs", session.Algorithm+" over CreateSession", session.Signing)
	for _, r := range requests.AWS[len(before.AWS):] {
		if r.Action == "CreateSession" {
			d.phase(6, "Roles Anywhere", fmt.Sprintf("checks signature, chain, profile, role of %s: %d", commonName(r.Identity), r.Status), r.Duration)
		}
	}
	d.phase(7, "credentials", "temporary, until "+session.ValidUntil.Local().Format(time.TimeOnly)+"; renewed before that", total)
	d.say("", "")
	for _, e := range sapEvents() {
		_, took, err := d.send(ctx, "publish-sns", e, http.StatusNoContent)
		if err != nil {
			return err
		}
		d.phase(8, "SNS", fmt.Sprintf("%s, %s: 204", e.sender, e.form), took)
		d.sent = append(d.sent, e.ids...)
	}
	return d.readQueue(ctx, true)
}

// send posts an event to a function and wants that answer.
func (d *demo) send(ctx context.Context, function string, e sapEvent, want int) ([]byte, time.Duration, error) {
	body, status, took, err := call(ctx, http.MethodPost, d.url[function], e.header, []byte(e.body))
	if err != nil {
		return nil, 0, fmt.Errorf("send the event of %s to %s: %w", e.sender, function, err)
	}
	if status != want {
		return nil, 0, fmt.Errorf("the event of %s was answered %d by %s: %s", e.sender, status, function, body)
	}
	return body, took, nil
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

// stop ends the functions first, then the stand-in.
func (d *demo) stop() error {
	var errs []error
	for _, c := range append(d.functions, d.standIn) {
		if c != nil {
			errs = append(errs, c.stop())
		}
	}
	return errors.Join(errs...)
}
