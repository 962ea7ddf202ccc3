// Package setup does the one-time set-up of the reference architecture, as far as it can be done without an account of AWS.
//
// [Run] is the one call: it finds the certificate of a destination, or makes both, reads its chain without the key, judges root
// and certificate, and writes a folder with everything that AWS needs to be told and the functions to be configured with. The
// [Report] says what it found and did, for people ([Report.Text]) and for scripts (as JSON).
//
// It promises that nothing but the private key of CSR mode is written for a root that nobody vouches for or a certificate that
// AWS would refuse, though what was made in the service stays there; that a run after one that was cut short completes it; that a
// run after a complete one changes nothing; and that neither report nor errors hold a secret. That private key is the only one it
// ever sees; it leaves the folder never.
package setup

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/trustbridge/trustbridge/cmd/trustbridge/internal/folder"
	"github.com/trustbridge/trustbridge/cmd/trustbridge/internal/plan"
	"github.com/trustbridge/trustbridge/shared/destination"
)

// Service is what is asked of the Destination service, as [destination.Admin] does it. Errors are *[destination.Error].
type Service interface {
	Destination(ctx context.Context, name string) (*destination.Found, error)
	PublicKeys(ctx context.Context, level destination.Level, keyStore string) ([]*x509.Certificate, error)
	CreateCertificate(ctx context.Context, level destination.Level, r destination.CertificateRequest) error
	CreateDestination(ctx context.Context, level destination.Level, properties map[string]string) error
}

// Options say what is to be done.
type Options struct {
	// Destination is its name; required.
	Destination string
	// Certificate is the key store's name; "" means the one that the destination names, or for a new one the destination's name
	// with .pem.
	Certificate string
	// Level is where both are; "" means where the destination is found, and the instance for new ones.
	Level destination.Level
	// Create makes what is missing.
	Create bool
	// CommonName and Validity are for a new certificate; "" means trustbridge- and the destination's name, and 30 days.
	CommonName string
	Validity   Validity
	// CSR makes the private key here, in the folder, and asks for a certificate by a request.
	CSR bool
	// AcceptRoot is the SHA-256 of the root that is trusted in the place of SAP's; zero means SAP's.
	AcceptRoot Fingerprint
	// Folder is where the files go; required. KeyPath is where its private key is, absolute.
	Folder, KeyPath string
	// Force replaces files that differ.
	Force bool
	// Notes are told in the report of what is written, after those of the set-up itself.
	Notes []string
	// Plan has what the files are made of besides; Root, Pins, Destination and KeyPath are filled in here.
	Plan plan.Options
}

// Error is why the set-up did not come to its end.
type Error struct {
	// Err says what was asked and what was answered.
	Err error
	// Hint is the next step of a human.
	Hint string
}

// Error is the cause's.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

func fail(hint, format string, args ...any) error {
	return &Error{Err: fmt.Errorf(format, args...), Hint: hint}
}

// Run does the set-up at the time now. The report is never nil, and tells how far it came where there is an error. Errors are
// [*Error] where there is a next step, those of the service and of package folder otherwise.
func Run(ctx context.Context, service Service, o Options, now time.Time) (*Report, error) {
	r := &Report{Destination: o.Destination, Folder: o.Folder}
	pinned, err := ParseFingerprint(SAPRoot)
	if err == nil {
		err = (&run{service: service, o: o, report: r, now: now, pinned: pinned}).do(ctx)
	}
	if err != nil {
		r.Error = err.Error()
		if e, is := errors.AsType[*Error](err); is {
			r.Hint = e.Hint
		}
	}
	return r, err
}

// run is one set-up under way.
type run struct {
	service Service
	o       Options
	report  *Report
	now     time.Time
	pinned  Fingerprint // SAP's root

	level    destination.Level
	keyStore string
	chain    []*x509.Certificate // leaf first
}

func (s *run) do(ctx context.Context) error {
	if err := s.provide(ctx); err != nil {
		return err
	}
	if err := s.judge(); err != nil {
		return err
	}
	keyPath, err := s.checkKey()
	if err != nil {
		return err
	}
	return s.write(keyPath)
}

// write makes the files and writes them.
func (s *run) write(keyPath string) error {
	pins, err := plan.NewPins(s.chain[0], s.report.Root == RootPinned)
	if err != nil {
		return &Error{Err: err, Hint: "have a certificate issued that can be told from others'"}
	}
	s.report.Pins = &pins
	s.report.Notes = append(s.report.Notes, s.o.Notes...)
	p := s.o.Plan
	p.Root, p.Pins, p.Destination, p.KeyPath = s.chain[len(s.chain)-1], pins, s.o.Destination, keyPath
	files, err := plan.Make(p)
	if err != nil {
		return &Error{Err: err, Hint: "change what the error names, and run the same again"}
	}
	s.report.Files, err = folder.Write(s.o.Folder, files, s.o.Force)
	if differs, is := errors.AsType[*folder.DiffersError](err); is {
		return &Error{Err: differs, Hint: "compare the folder with what another --folder gets; --force replaces"}
	}
	if err != nil {
		return &Error{Err: err, Hint: folderHint}
	}
	s.report.next(p.Functions)
	return nil
}
