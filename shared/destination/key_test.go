package destination

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// keyFile is a file to hold a private key, and how to write it.
func keyFile(t *testing.T) (path string, write func([]byte)) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "key.pem")
	return path, func(content []byte) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// halves takes the key out of the answer of a find, as the service answers in CSR mode.
func halves(t *testing.T, whole []byte) (answer, key []byte) {
	t.Helper()
	got, e := readFound(&reply{status: 200, body: whole}, nil, time.Now())
	if e != nil {
		t.Fatal(e)
	}
	leaf := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: got.found.identity.Leaf.Raw})
	der, err := x509.MarshalPKCS8PrivateKey(got.found.identity.Signer)
	if err != nil {
		t.Fatal(err)
	}
	return answerWith(t, map[string]string{"Authentication": "ClientCertificateAuthentication", "KeyStoreLocation": "orders.pem"}, leaf),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// TestKeyOfASigningRequest holds the fixtures of CSR mode to what they say.
func TestKeyOfASigningRequest(t *testing.T) {
	seen := 0
	for _, r := range findRows(t) {
		if r.LocalKey == "" {
			continue
		}
		seen++
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, func(c *Config) { c.KeyPath = filepath.FromSlash(dir + r.LocalKey) })
			s.btp.change(func(b *btp) { b.answer = fixture(t, r.File) })
			id, err := s.Identity(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got := []string{digest(id.Leaf.Raw)}
			for _, c := range id.Chain {
				got = append(got, digest(c.Raw))
			}
			if d := cmp.Diff(append([]string{r.Identity.Leaf}, r.Identity.Chain...), got); d != "" {
				t.Errorf("the identity differs (-want +got):\n%s", d)
			}
		})
	}
	if seen == 0 {
		t.Error("no fixture is about a local key")
	}
}

func TestKeyProblemsAreNamed(t *testing.T) {
	one, other := fixture(t, "pki/csr.key.pem"), fixture(t, "pki/own-leaf.key.pem")
	csr, own := fixture(t, "find/11-v1-csr-chain-only.json"), fixture(t, "find/01-v1-pem.json")
	for name, r := range map[string]struct {
		key    []byte // nil: no file
		answer []byte
		kind   string
		says   []string
	}{
		"no file":            {nil, csr, LocalKey.String(), []string{"DESTINATION_KEY_PATH", "cannot be opened"}},
		"empty":              {[]byte{}, csr, LocalKey.String(), []string{"holds 0 private keys"}},
		"certificates":       {fixture(t, "pki/csr.pem"), csr, LocalKey.String(), []string{"holds 0 private keys"}},
		"two keys":           {append(bytes.Clone(one), other...), csr, LocalKey.String(), []string{"holds 2 private keys"}},
		"too large":          {bytes.Repeat([]byte(" "), keyMaxBytes+1), csr, LocalKey.String(), []string{"larger than 64 KiB"}},
		"another's":          {other, csr, "key-mismatch", []string{"private key of DESTINATION_KEY_PATH", "no certificate fits the private key"}},
		"beside a whole one": {one, own, "several-keys", []string{"unset the variable"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			path, write := keyFile(t)
			if r.key != nil {
				write(r.key)
			}
			s := newStage(t, func(c *Config) { c.KeyPath = path })
			s.btp.change(func(b *btp) { b.answer = r.answer })
			_, err := s.Identity(t.Context())
			e, _ := errors.AsType[*Error](err)
			if e == nil || kindName(err) != r.kind || e.Outage() || strings.Contains(err.Error(), "BEGIN") {
				t.Fatalf("%s: Identity = %v, want %s", name, err, r.kind)
			}
			for _, part := range append(r.says, path) {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%s: the error %q does not say %q", name, err, part)
				}
			}
			write(append([]byte("# our key\n"), one...)) // with other lines, of which nothing is taken
			s.btp.change(func(b *btp) { b.answer = csr })
			time.Sleep(lookPause)
			if s.version(t) == "" {
				t.Errorf("%s: 10 s after the cure there is no identity:\n%s", name, s.log)
			}
		})
	}
}

func TestNoKeyHintsAtTheSetting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.btp.change(func(b *btp) { b.answer = fixture(t, "find/11-v1-csr-chain-only.json") })
		if _, err := s.Identity(t.Context()); err == nil || !strings.Contains(err.Error(), "set DESTINATION_KEY_PATH") {
			t.Errorf("Identity = %v, want a hint at DESTINATION_KEY_PATH", err)
		}
	})
}

// TestChangedKeyIsUsed: key and certificate are exchanged in two steps, in either order; the old identity serves in between, and
// the new one follows within an interval, under an unchanged etag too.
func TestChangedKeyIsUsed(t *testing.T) {
	for name, keyFirst := range map[string]bool{"key first": true, "certificate first": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path, write := keyFile(t)
				s := newStage(t, func(c *Config) { c.KeyPath = path })
				answer1, key1 := halves(t, s.btp.answer)
				answer2, key2 := halves(t, generated(t, "orders", 30*day))
				write(key1)
				s.btp.change(func(b *btp) { b.answer = answer1 })
				first := s.version(t)
				steps := []func(){
					func() { write(key2) },
					func() { s.btp.change(func(b *btp) { b.answer, b.etag = answer2, "e2" }) },
				}
				if !keyFirst {
					steps[0], steps[1] = steps[1], steps[0]
				}
				steps[0]()
				time.Sleep(6 * time.Minute)
				s.version(t)
				synctest.Wait()
				if v := s.version(t); v != first || s.log.Count("key-mismatch") == 0 {
					t.Errorf("halfway: version %q, want the old one, and a warning:\n%s", v, s.log)
				}
				steps[1]()
				time.Sleep(6 * time.Minute)
				s.version(t)
				synctest.Wait()
				if v := s.version(t); v == first || v == "" {
					t.Errorf("after both steps: version %q, want the new one:\n%s", v, s.log)
				}
			})
		})
	}
}

// TestKeyChangedUnderAnUnchangedETag asks without an etag: the service knows nothing of the key.
func TestKeyChangedUnderAnUnchangedETag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, write := keyFile(t)
		s := newStage(t, func(c *Config) { c.KeyPath = path })
		answer, key := halves(t, s.btp.answer)
		write(key)
		s.btp.change(func(b *btp) { b.answer = answer })
		s.version(t)
		time.Sleep(6 * time.Minute)
		s.version(t)
		synctest.Wait()
		if n := s.btp.count("find if-none-match"); n != 1 {
			t.Errorf("%d conditional finds while nothing changed, want 1", n)
		}
		write(fixture(t, "pki/csr.key.pem"))
		time.Sleep(6 * time.Minute)
		s.version(t)
		synctest.Wait()
		if n := s.btp.count("find if-none-match"); n != 1 || s.log.Count("key-mismatch") != 1 {
			t.Errorf("%d conditional finds after the key changed, want no more, and the mismatch said:\n%s", n, s.log)
		}
	})
}
