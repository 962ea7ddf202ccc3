package binding

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

const x509Folder = "bindings/service-binding-root/x509/orders-destination/"

// x509Fields is the credentials object of an x509 binding with changes; a field set to "" is taken away.
func x509Fields(tb testing.TB, changes map[string]string) fields {
	tb.Helper()
	f := fields{
		"clientid": "c", "credential-type": "x509", "certurl": "https://a.authentication.cert.example", "url": "https://a.authentication.example",
		"uri": "https://d.example", "certificate": string(read(tb, x509Folder+"certificate")), "key": string(read(tb, x509Folder+"key")),
	}
	for name, value := range changes {
		f[name] = value
		if value == "" {
			delete(f, name)
		}
	}
	return f
}

func TestX509(t *testing.T) {
	chain, key := string(read(t, x509Folder+"certificate")), string(read(t, x509Folder+"key"))
	first, rest, _ := strings.Cut(chain, "-----END CERTIFICATE-----\n")
	first += "-----END CERTIFICATE-----\n"
	for name, r := range map[string]struct {
		changes map[string]string
		says    string // "" for a binding
	}{
		"as SAP makes it":      {nil, ""},
		"without its type":     {map[string]string{"credential-type": ""}, ""},
		"without url":          {map[string]string{"url": ""}, ""},
		"leaf last":            {map[string]string{"certificate": rest + "\n" + first}, ""},
		"CRLF":                 {map[string]string{"certificate": strings.ReplaceAll(chain, "\n", "\r\n"), "key": strings.ReplaceAll(key, "\n", "\r\n")}, ""},
		"escaped":              {map[string]string{"certificate": strings.ReplaceAll(chain, "\n", `\n`), "key": strings.ReplaceAll(key, "\n", `\n`)}, ""},
		"PKCS#8":               {map[string]string{"certificate": string(read(t, "pki/orders.pem")), "key": string(read(t, "pki/orders.key.pem"))}, ""},
		"elliptic":             {map[string]string{"certificate": string(read(t, "pki/own-leaf.pem")), "key": string(read(t, "pki/own-leaf.key.pem"))}, ""},
		"a secret beside it":   {map[string]string{"clientsecret": "s"}, ""},
		"without certurl":      {map[string]string{"certurl": ""}, "lacks certurl"},
		"without key":          {map[string]string{"key": "", "certurl": ""}, "lacks certurl, key"},
		"certurl is no URL":    {map[string]string{"certurl": "x"}, "certurl of"},
		"url is no URL":        {map[string]string{"url": "x"}, "url of"},
		"no PEM":               {map[string]string{"certificate": "MII"}, "no certificate in PEM"},
		"broken certificate":   {map[string]string{"certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}, "no certificate"},
		"no key":               {map[string]string{"key": chain}, "no unencrypted private key"},
		"encrypted key":        {map[string]string{"key": strings.ReplaceAll(key, "RSA PRIVATE", "ENCRYPTED PRIVATE")[:400]}, "no unencrypted private key"},
		"another's key":        {map[string]string{"key": string(read(t, "pki/orders.key.pem"))}, "do not belong together"},
		"expired":              {map[string]string{"certificate": string(read(t, "pki/expired.pem"))}, "do not belong together"},
		"a broken key's bytes": {map[string]string{"key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}, "no unencrypted private key"},
	} {
		b, err := x509Fields(t, r.changes).binding("n", "p", time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC))
		switch {
		case r.says == "" && (err != nil || b.Certificate.IsZero() || !b.ClientSecret.IsZero() || !bytes.Equal(b.Certificate.Reveal().Certificate[0], b.Certificate.Reveal().Leaf.Raw)):
			t.Errorf("%s: %v, %v; want a client with its certificate first", name, b, err)
		case r.says != "":
			e, _ := errors.AsType[*Error](err)
			if e == nil || e.Kind != IncompleteBinding || !strings.Contains(err.Error(), r.says) || strings.Contains(err.Error(), "BEGIN") {
				t.Errorf("%s: %v, want incomplete-binding that says %q", name, err, r.says)
			}
		}
	}
}

func TestX509Expiry(t *testing.T) {
	f := x509Fields(t, nil)
	end := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	b, err := f.binding("n", "p", end)
	if err != nil {
		t.Fatal(err)
	}
	end = b.Certificate.NotAfter()
	if _, err := f.binding("n", "p", end); err != nil || !b.Certificate.NotBefore().Before(end) {
		t.Errorf("at its very end: %v, want it to be of use", err)
	}
	_, err = f.binding("n", "p", end.Add(time.Second))
	if e, _ := errors.AsType[*Error](err); e == nil || e.Kind != ExpiredBinding || !strings.Contains(err.Error(), end.UTC().Format(time.RFC3339)) {
		t.Errorf("a second later: %v, want binding-expired that names the end", err)
	}
}

func TestX509RotationIsAnotherClient(t *testing.T) {
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	old, err := x509Fields(t, nil).binding("n", "p", now)
	if err != nil {
		t.Fatal(err)
	}
	again, err := x509Fields(t, nil).binding("other name", "other place", now)
	if err != nil || !old.Same(again) {
		t.Errorf("the same binding read again is another: %v", err)
	}
	rotated, err := x509Fields(t, map[string]string{"certificate": string(read(t, "pki/orders.pem")), "key": string(read(t, "pki/orders.key.pem"))}).binding("n", "p", now)
	if err != nil || old.Same(rotated) {
		t.Errorf("a binding with another certificate is the same (%v)", err)
	}
}

func TestNothingShowsTheKey(t *testing.T) {
	b, err := x509Fields(t, nil).binding("n", "p", time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "binding", b, "certificate", b.Certificate)
	j, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	text := out.String() + string(j) + fmt.Sprintf("%v %+v %#v %s %x %v", b, *b, b, b.Certificate, b.Certificate, Certificate{})
	for _, part := range []string{"valid until 20", "certurl", "none"} {
		if !strings.Contains(text, part) {
			t.Errorf("%s\nwant it to show %q", text, part)
		}
	}
	for _, hidden := range []string{"BEGIN", "PrivateKey", "{N:", "Primes"} {
		if strings.Contains(text, hidden) {
			t.Errorf("%s\nshows %q", text, hidden)
		}
	}
	if !(Certificate{}).NotAfter().IsZero() || !(Certificate{}).NotBefore().IsZero() || (Certificate{}).Reveal() != nil || !NewCertificate(nil).IsZero() {
		t.Error("no certificate has a validity, or one to reveal")
	}
}

// A mounted folder of files that end in a line feed each is the same binding: the one line feed is no part of a value.
func TestOneFinalLineFeedIsNoPartOfAValue(t *testing.T) {
	for value, want := range map[string]string{"x": "x", "x\n": "x", "x\r\n": "x", "x\n\n": "x\n", "\n": "", "x\r": "x\r", "": ""} {
		if got := text([]byte(value)); got != want {
			t.Errorf("text(%q) = %q, want %q", value, got, want)
		}
	}
	plain := map[string][]byte{"type": []byte("destination"), "clientid": []byte("c"), "clientsecret": []byte("s"), "url": []byte("https://a"), "uri": []byte("https://b")}
	fed := maps.Clone(plain)
	for name := range fed {
		fed[name] = append(slices.Clone(fed[name]), '\n')
	}
	a, _ := parseFolder(plain)
	b, reason := parseFolder(fed)
	if reason != "" || fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("parseFolder = %v (%s), want %v", b, reason, a)
	}
}
