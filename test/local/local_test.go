package local

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trustbridge/trustbridge/test/local/btp"
)

var pki = sync.OnceValues(func() (*btp.PKI, error) { return btp.NewPKI(time.Now()) })

func start(t *testing.T) *Stand {
	t.Helper()
	authorities, err := pki()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Start(t.Context(), Config{PKI: authorities})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLoopbackOnly(t *testing.T) {
	for address, ok := range map[string]bool{
		"": true, "127.0.0.1:0": true, "127.1.2.3:0": true, "[::1]:0": true,
		"0.0.0.0:0": false, ":0": false, "[::]:0": false, "192.0.2.1:0": false, "localhost:0": false, "example.org:0": false, "nonsense": false,
	} {
		l, err := Listen(t.Context(), address)
		if err == nil {
			err = l.Close()
		} else if ok && strings.Contains(err.Error(), "cannot assign requested address") {
			continue // this machine has no such loopback address
		}
		if ok != (err == nil) {
			t.Errorf("Listen(%q) = %v, want it to listen: %t", address, err, ok)
		}
	}
	if _, err := Start(t.Context(), Config{BTPAddress: "0.0.0.0:0"}); err == nil {
		t.Error("Start() at all interfaces = nil, want an error")
	}
}

func get(ctx context.Context, client *http.Client, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return errors.Join(err, response.Body.Close())
}

func TestOnlyItsOwnCATrustsIt(t *testing.T) {
	s := start(t)
	client := s.Client()
	for _, url := range []string{s.AWSURL(), s.BTPURL()} {
		if err := get(t.Context(), client, url); err != nil {
			t.Errorf("GET %s with the stand-in's CA = %v", url, err)
		}
		if err := get(t.Context(), http.DefaultClient, url); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("GET %s with the system's roots = %v, want a certificate error", url, err)
		}
	}
	client.CloseIdleConnections()
	if err := s.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
	for _, url := range []string{s.AWSURL(), s.BTPURL()} {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "https://"))
		if err == nil {
			_ = c.Close()
			t.Errorf("%s still listens after Close", url)
		}
	}
}

func TestSetUp(t *testing.T) {
	s := start(t)
	defer func() { _ = s.Close() }()
	c, err := s.SetUp(btp.Leaf{EC: true}, Lambda{})
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	for _, step := range c.Steps {
		steps = append(steps, step.What)
	}
	if want := []string{"certificate", "trust anchor", "targets", "IAM roles", "profile"}; !slices.Equal(steps, want) {
		t.Errorf("steps = %v, want %v", steps, want)
	}
	for _, pin := range []string{c.TrustAnchorARN, s.BTP.L(), CommonName, "Stand-in PKI Certificate Service Client CA"} {
		if !strings.Contains(c.TrustPolicy(s.BTP.L()), pin) {
			t.Errorf("the trust policy does not pin %s: %s", pin, c.TrustPolicy(s.BTP.L()))
		}
	}
	folder := t.TempDir()
	d, err := c.Describe(folder, "http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	if d.QueueURL != s.AWSURL()+"/111122223333/orders" || d.Region != "eu-central-1" || d.CAPath == "" {
		t.Errorf("Describe() = %+v, want the queue's URL, the region and the CA's path", d)
	}
	if ca, err := os.ReadFile(d.CAPath); err != nil || !bytes.Equal(ca, s.CA()) {
		t.Errorf("the CA file = %v, want the stand-in's certificate", err)
	}
	key, err := os.ReadFile(folder + "/service-key.json")
	if err != nil || !bytes.Equal(key, s.BTP.ServiceKey(s.BTPURL())) {
		t.Errorf("the service key file = %v, want the present key", err)
	}
	s.BTP.RotateSecret()
	if err := c.WriteServiceKey(folder); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(folder + "/service-key.json"); err != nil || bytes.Equal(again, key) {
		t.Errorf("the service key after a rotation is the old one (%v)", err)
	}
	if _, err := s.SetUp(btp.Leaf{EC: true}, Lambda{}); err == nil {
		t.Error("SetUp() twice = nil, want an error: the anchor is there already")
	}
}

func TestFingerprint(t *testing.T) {
	authorities, err := pki()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(authorities.Root().Raw)
	got := Fingerprint(authorities.Root())
	if strings.ToLower(strings.ReplaceAll(got, ":", "")) != hex.EncodeToString(sum[:]) || len(got) != 95 {
		t.Errorf("Fingerprint() = %s, want the SHA-256 with colons", got)
	}
}
