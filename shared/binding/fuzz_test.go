package binding

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// accepted holds what a parser gave to its promises: a typed error alone, or a binding that is complete and, written as a
// service key, the same client again.
func accepted(t *testing.T, b *Binding, err error, now time.Time) {
	t.Helper()
	if err != nil {
		if _, typed := errors.AsType[*Error](err); !typed || b != nil {
			t.Errorf("%T beside %v, want a typed error alone", err, b)
		}
		return
	}
	again := map[string]string{"clientid": b.ClientID, "uri": b.URI, "tenantid": b.TenantID, "instanceid": b.InstanceID}
	if b.URL != "" {
		again["url"] = b.URL
	}
	switch {
	case b.ClientID == "" || b.URI == "" || b.ClientSecret.IsZero() == b.Certificate.IsZero():
		t.Fatalf("accepted an incomplete binding %v", b)
	case b.Certificate.IsZero():
		again["clientsecret"] = b.ClientSecret.Reveal()
		if b.URL == "" || b.CertURL != "" {
			t.Fatalf("accepted the binding %v of a secret", b)
		}
	default:
		if b.CertURL == "" || now.After(b.Certificate.NotAfter()) {
			t.Fatalf("accepted the binding %v of a certificate", b)
		}
		return // its key has no other form to be written in here
	}
	text, err := json.Marshal(again)
	if err != nil {
		t.Fatal(err)
	}
	if other, err := parseServiceKey(text, "place", now); err != nil || !other.Same(b) {
		t.Errorf("written as a service key: %v, want the same client", err)
	}
}

func FuzzFind(f *testing.F) {
	for _, name := range []string{"secret", "two", "none", "incomplete", "user-provided"} {
		f.Add(read(f, "bindings/vcap-"+name+".json"), "")
	}
	f.Add(read(f, "bindings/vcap-user-provided.json"), "my-destination")
	f.Add([]byte(`{"destination":[{"credentials":null},null]}`), "")
	f.Fuzz(func(t *testing.T, content []byte, name string) {
		now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
		var l look
		l.vcap(content, "place")
		b, err := l.choose(name, now)
		accepted(t, b, err, now)
		b, err = parseServiceKey(content, "place", now)
		accepted(t, b, err, now)
	})
}

// FuzzFolder gives a folder of a binding two files of any content.
func FuzzFolder(f *testing.F) {
	container := read(f, "bindings/service-binding-root/container/orders-destination/.metadata")
	f.Add(".metadata", container, "credentials.json", credentials(f))
	f.Add(".metadata", []byte(`{"credentialProperties":[{"name":"c","sourceName":"x","format":"json","container":true},null,{"format":"text"}]}`), "x", credentials(f))
	f.Add(".metadata", []byte("{"), "", []byte(nil))
	f.Add("type", []byte("destination\n"), "clientid", []byte("c"))
	f.Add("binding", read(f, "bindings/sapbtp/secret-root-key/destination/tb-destination/binding"), "", []byte(nil))
	inner, err := json.Marshal(map[string]string{"credentials": string(credentials(f)), "label": "destination"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("binding", inner, "", []byte(nil))
	f.Fuzz(func(t *testing.T, name1 string, content1 []byte, name2 string, content2 []byte) {
		now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
		files := map[string][]byte{name1: content1}
		if name2 != "" {
			files[name2] = content2
		}
		for _, parse := range []func() (candidate, string){
			func() (candidate, string) { return parseFolder(files) },
			func() (candidate, string) { return parseLayered(files, service) },
		} {
			c, reason := parse()
			if reason != "" {
				if c.credentials != nil || c.service != "" {
					t.Errorf("parsed %+v beside the reason %q", c, reason)
				}
				continue
			}
			l := look{candidates: []candidate{c}}
			b, err := l.choose("", now)
			accepted(t, b, err, now)
		}
	})
}

func FuzzCertificate(f *testing.F) {
	folder := "bindings/service-binding-root/x509/orders-destination/"
	f.Add(string(read(f, folder+"certificate")), string(read(f, folder+"key")))
	own, err := os.ReadFile(filepath.FromSlash(dir + "pki/own-leaf.pem"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(own), string(read(f, "pki/own-leaf.key.pem")))
	f.Fuzz(func(t *testing.T, chain, key string) {
		c, reason := parseCertificate(chain, key)
		if c.IsZero() != (reason != "") {
			t.Fatalf("parseCertificate = %v beside the reason %q", c, reason)
		}
		if reason != "" {
			return
		}
		var text []byte
		for _, der := range c.Reveal().Certificate {
			text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
		}
		if again, reason := parseCertificate(string(text), key); reason != "" || string(again.fingerprint()) != string(c.fingerprint()) {
			t.Errorf("written again: %q, want the same certificates", reason)
		}
	})
}
