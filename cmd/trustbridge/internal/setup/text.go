package setup

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/trustbridge/trustbridge/cmd/trustbridge/internal/folder"
	"github.com/trustbridge/trustbridge/cmd/trustbridge/internal/plan"
)

// Text writes the report for a person, but for the error, which is the caller's to tell.
func (r *Report) Text(w io.Writer) {
	var b strings.Builder
	if r.Certificate != "" {
		row(&b, "destination", fmt.Sprintf("%s, at %s level", printable(r.Destination), r.Level))
		row(&b, "certificate", printable(r.Certificate))
	}
	for _, m := range r.Made {
		row(&b, "made", printable(m))
	}
	for i := range r.Chain {
		r.certificate(&b, i)
	}
	r.verdict(&b)
	if p := r.Pins; p != nil {
		b.WriteString("\nThe trust policies admit only a certificate with\n")
		row(&b, "  L", p.Locality)
		row(&b, "  CN", p.CommonName)
		row(&b, "  issuer CN", strings.Join(p.Issuers, " or "))
	}
	for _, n := range r.Notes {
		b.WriteString("\nnote: " + n + "\n")
	}
	r.files(&b)
	r.commands(&b)
	_, _ = io.WriteString(w, b.String())
}

func row(b *strings.Builder, name, value string) { fmt.Fprintf(b, "%-12s  %s\n", name, value) }

// printable is s, quoted if a terminal would take something in it for its own.
func printable(s string) string {
	if quoted := strconv.Quote(s); quoted != `"`+s+`"` {
		return quoted
	}
	return s
}

func (r *Report) certificate(b *strings.Builder, i int) {
	c := r.Chain[i]
	title := "Issuer"
	switch {
	case i == 0:
		title = "Certificate"
	case i == len(r.Chain)-1:
		title = "Root, which becomes the trust anchor"
	}
	fmt.Fprintf(b, "\n%s\n", title)
	row(b, "  subject", c.Subject)
	row(b, "  issuer", c.Issuer)
	row(b, "  serial", c.Serial)
	left := fmt.Sprintf("%d days left", c.DaysLeft)
	if c.DaysLeft < 0 {
		left = "expired"
	}
	row(b, "  validity", fmt.Sprintf("%s to %s, %s", c.NotBefore.Format(time.DateOnly), c.NotAfter.Format(time.DateOnly), left))
	row(b, "  key", c.Key+", signed with "+c.Signature)
	row(b, "  SHA-256", c.SHA256)
	for _, t := range c.Dropped {
		row(b, "  no tag", fmt.Sprintf("%s=%s: AWS drops this value from the session's tags", t.Key, strconv.Quote(t.Value)))
	}
	if i == len(r.Chain)-1 && r.Root != "" {
		row(b, "  trusted", map[Trust]string{RootPinned: "it is SAP's, as pinned", RootAccepted: "by --accept-root"}[r.Root])
	}
}

func (r *Report) verdict(b *strings.Builder) {
	if r.AWS == nil {
		return
	}
	if r.AWS.Accepted {
		b.WriteString("\nAWS will accept the certificate.\n")
	} else {
		b.WriteString("\nAWS will refuse the certificate: " + r.AWS.Reason + ".\n")
	}
	for _, w := range r.AWS.Warnings {
		b.WriteString("warning: " + w + "\n")
	}
}

func (r *Report) files(b *strings.Builder) {
	if len(r.Files) == 0 {
		return
	}
	b.WriteString("\nFiles in " + printable(r.Folder) + "\n")
	if !r.Changed {
		filled := 0
		for _, f := range r.Files {
			if f.State == folder.Filled {
				filled++
			}
		}
		fmt.Fprintf(b, "  nothing changed: all %d are as they should be", len(r.Files))
		if filled > 0 {
			fmt.Fprintf(b, ", %d of them filled in", filled)
		}
		b.WriteString("\n")
		return
	}
	for _, f := range r.Files {
		row(b, "  "+string(f.State), f.Path)
	}
}

func (r *Report) commands(b *strings.Builder) {
	if len(r.Next) == 0 {
		return
	}
	b.WriteString("\nNext, one of these, each a file that can be read before it is run:\n")
	for _, c := range r.Next {
		fmt.Fprintf(b, "  %-14s  %s\n", c.Tool, c.Command)
	}
	b.WriteString("It makes the AWS side and fills in what the functions start with:\n")
	for _, e := range r.Environments {
		fmt.Fprintf(b, "  %-14s  %s\n  %-14s  %s\n  %-14s  %s\n", e.Function, printable(e.Plain), "", printable(e.OpenFaaS), "", printable(e.Knative))
	}
}

// bareWord is what a shell takes as it is.
var bareWord = regexp.MustCompile(`^[A-Za-z0-9_./:=@+,-]+$`)

// shellWord is s as one word of a shell, quoted only if it must be.
func shellWord(s string) string {
	if bareWord.MatchString(s) {
		return s
	}
	return plan.QuoteShell(s)
}
