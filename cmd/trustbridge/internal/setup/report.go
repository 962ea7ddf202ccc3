package setup

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"path/filepath"
	"time"

	"github.com/trustbridge/trustbridge/cmd/trustbridge/internal/folder"
	"github.com/trustbridge/trustbridge/cmd/trustbridge/internal/plan"
	"github.com/trustbridge/trustbridge/shared/destination"
	"github.com/trustbridge/trustbridge/shared/keystore"
	"github.com/trustbridge/trustbridge/shared/rolesanywhere"
)

// Report is what a set-up found and did. Its JSON is part of the product; it holds no secret.
type Report struct {
	Destination string            `json:"destination"`
	Level       destination.Level `json:"level,omitempty"`
	Certificate string            `json:"certificate,omitempty"`
	// Made is what was made in this run, in order, for example "certificate orders.pem".
	Made []string `json:"made,omitempty"`
	// Chain is the certificate, its issuers, and the root.
	Chain []Certificate `json:"chain,omitempty"`
	// Root says why the root is trusted, "" if it is not.
	Root Trust `json:"root,omitempty"`
	// AWS is what AWS will make of the certificate; nil if it was not asked.
	AWS *Verdict `json:"aws,omitempty"`
	// Pins are the conditions of the trust policies.
	Pins *plan.Pins `json:"pins,omitempty"`
	// Notes are what should be known, a sentence each.
	Notes  []string        `json:"notes,omitempty"`
	Folder string          `json:"folder"`
	Files  []folder.Result `json:"files,omitempty"`
	// Changed tells whether anything was made or written.
	Changed bool `json:"changed"`
	// Next are the commands of which one is next, Environments what the functions then start with.
	Next         []Command     `json:"next,omitempty"`
	Environments []Environment `json:"environments,omitempty"`
	// Error is why it did not come to its end, and Hint what to do.
	Error string `json:"error,omitempty"`
	Hint  string `json:"hint,omitempty"`
}

// Trust says why a root is trusted.
type Trust string

// Why a root is trusted.
const (
	RootPinned   Trust = "pinned"   // it is SAP's
	RootAccepted Trust = "accepted" // it is the one that the user named
)

// Certificate describes one for people.
type Certificate struct {
	Subject string `json:"subject"`
	Issuer  string `json:"issuer"`
	// Serial is in hexadecimal, as the name of a session shows it.
	Serial    string    `json:"serial"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	// DaysLeft is whole days; negative once it has expired.
	DaysLeft  int    `json:"days_left"`
	Key       string `json:"key"`
	Signature string `json:"signature"`
	SHA256    string `json:"sha256"`
	// Dropped are the attributes that AWS makes no session tags of, of the first certificate only.
	Dropped []Tag `json:"dropped_tags,omitempty"`
}

// Tag is an attribute of a certificate as a session tag.
type Tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Verdict is what AWS will make of the certificate.
type Verdict struct {
	Accepted bool `json:"accepted"`
	// Reason is the rule that is broken, if it is not accepted.
	Reason string `json:"reason,omitempty"`
	// Warnings are what may be wrong.
	Warnings []string `json:"warnings,omitempty"`
}

// Command is one to run.
type Command struct {
	Tool    string `json:"tool"`
	Command string `json:"command"`
}

// Environment is where that of a function is.
type Environment struct {
	Function string `json:"function"`
	Plain    string `json:"plain"`
	OpenFaaS string `json:"openfaas"`
	Knative  string `json:"knative"`
}

// describe fills in the chain.
func (r *Report) describe(chain []*x509.Certificate, now time.Time) {
	for i, c := range chain {
		d := Certificate{
			Subject: keystore.Subject(c), Issuer: keystore.Issuer(c), Serial: c.SerialNumber.Text(16),
			NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), DaysLeft: daysLeft(c.NotAfter.Sub(now)),
			Key: describeKey(c.PublicKey), Signature: c.SignatureAlgorithm.String(), SHA256: fingerprint(c).String(),
		}
		if i == 0 {
			for _, t := range rolesanywhere.SessionTags(c) {
				if t.Dropped {
					d.Dropped = append(d.Dropped, Tag{t.Key, t.Value})
				}
			}
		}
		r.Chain = append(r.Chain, d)
	}
}

// daysLeft rounds down: the last day is 0, and the first after the end -1.
func daysLeft(left time.Duration) int {
	const day = 24 * time.Hour
	n := int(left / day)
	if left < 0 {
		n--
	}
	return n
}

func describeKey(key any) string {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Params().Name
	}
	return fmt.Sprintf("%T", key)
}

// next fills in what comes after, and whether anything changed.
func (r *Report) next(functions []string) {
	r.Changed = len(r.Made) > 0
	for _, f := range r.Files {
		r.Changed = r.Changed || f.State == folder.Written || f.State == folder.Replaced
	}
	for _, s := range plan.Scripts() {
		r.Next = append(r.Next, Command{s.Tool, "bash " + shellWord(filepath.Join(r.Folder, s.Path))})
	}
	for _, f := range plan.Functions() {
		for _, chosen := range functions {
			if f == chosen {
				in := func(path string) string { return filepath.Join(r.Folder, path) }
				r.Environments = append(r.Environments, Environment{f, in(f + ".env"), in("openfaas/" + f + ".yml"), in("knative/" + f + ".yaml")})
			}
		}
	}
}
