package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/local/btp"
)

const fixtures = "../../test/testdata/sap-destination/pki"

// destination LEVEL NAME KEYSTORE [PROPERTY=VALUE...] makes one, as an administrator does.
func (s *scene) destination(ts *testscript.TestScript, args []string) {
	properties := btp.ClientCertificate(args[2])
	for _, a := range args[3:] {
		name, value, _ := strings.Cut(a, "=")
		properties[name] = value
	}
	s.btp.PutDestination(btp.Level(args[0]), args[1], properties)
}

// certificate LEVEL NAME FIXTURE... uploads certificates of test/testdata, without their key.
func (s *scene) certificate(ts *testscript.TestScript, args []string) {
	var all []byte
	for _, name := range args[2:] {
		text, err := os.ReadFile(filepath.Join(fixtures, name+".pem"))
		ts.Check(err)
		all = append(all, text...)
	}
	s.btp.PutCertificate(btp.Level(args[0]), args[1], all)
}

// issue LEVEL NAME FROM-DAYS TO-DAYS [CN] uploads a certificate of the stand-in's authorities with a validity around now.
func (s *scene) issue(ts *testscript.TestScript, args []string) {
	days := func(text string) time.Time {
		n, err := strconv.Atoi(text)
		ts.Check(err)
		return clock().AddDate(0, 0, n)
	}
	leaf := btp.Leaf{NotBefore: days(args[2]), NotAfter: days(args[3]), EC: true}
	if len(args) > 4 {
		leaf.CN = args[4]
	}
	m, err := s.btp.Issue(leaf)
	ts.Check(err)
	content, err := m.PEM()
	ts.Check(err)
	s.btp.PutCertificate(btp.Level(args[0]), args[1], content)
}

// own LEVEL NAME KEY=VALUE... uploads a certificate of a CA of its own. Keys: L, CN, O, issuer (the CA's CN), and with any
// value: no-key-usage, ca (the certificate is one), expired-root, loose (the CA did not sign it). OWN_ROOT becomes the
// fingerprint of the CA.
func (s *scene) own(ts *testscript.TestScript, args []string) {
	set := map[string]string{"L": "own.example/orders", "CN": "trustbridge-orders", "O": "Own", "issuer": "Own CA"}
	for _, a := range args[2:] {
		name, value, _ := strings.Cut(a, "=")
		set[name] = value
	}
	text := func(value string) []string {
		if value == "" {
			return nil
		}
		return []string{value}
	}
	now := clock()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: set["issuer"], Organization: []string{"Own"}},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(4711),
		Subject:      pkix.Name{CommonName: set["CN"], Locality: text(set["L"]), Organization: text(set["O"])},
		NotBefore:    now.AddDate(0, 0, -1), NotAfter: now.AddDate(0, 0, 30), BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if set["no-key-usage"] != "" {
		leaf.KeyUsage = x509.KeyUsageKeyEncipherment
	}
	if set["expired-root"] != "" {
		ca.NotAfter = now.AddDate(0, 0, -1)
	}
	leaf.IsCA = set["ca"] != ""
	newKey := func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		ts.Check(err)
		return key
	}
	caKey, key := newKey(), newKey()
	root, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	ts.Check(err)
	signer := caKey
	if set["loose"] != "" {
		signer = newKey()
	}
	issued, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), signer)
	ts.Check(err)
	var all bytes.Buffer
	for _, der := range [][]byte{issued, root} {
		ts.Check(pem.Encode(&all, &pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	s.btp.PutCertificate(btp.Level(args[0]), args[1], all.Bytes())
	c, err := x509.ParseCertificate(root)
	ts.Check(err)
	ts.Setenv("OWN_ROOT", local.Fingerprint(c))
}

// fault CALL before|after COUNT STATUS|drop [BODY] breaks calls, from now on as often as COUNT says.
func (s *scene) fault(ts *testscript.TestScript, args []string) {
	count, err := strconv.Atoi(args[2])
	ts.Check(err)
	f := btp.Fault{Call: args[0], Count: count, Phase: map[string]btp.Phase{"before": btp.Before, "after": btp.After}[args[1]]}
	if args[3] == "drop" {
		f.Drop = true
	} else {
		f.Status, err = strconv.Atoi(args[3])
		ts.Check(err)
	}
	if len(args) > 4 {
		f.Body, f.ContentType = args[4], "text/html"
	}
	_, err = s.btp.Inject(f)
	ts.Check(err)
}

// calls CALL=COUNT... wants exactly these calls of the service since it was last asked; those of tokens are left out.
func (s *scene) calls(ts *testscript.TestScript, args []string) {
	total := map[string]int{}
	for _, r := range s.btp.Requests() {
		if r.Call != "token" {
			total[r.Call]++
		}
	}
	got := map[string]int{}
	for call, n := range total {
		if n > s.counted[call] {
			got[call] = n - s.counted[call]
		}
	}
	s.counted = total
	want := map[string]int{}
	for _, a := range args {
		call, n, _ := strings.Cut(a, "=")
		var err error
		want[call], err = strconv.Atoi(n)
		ts.Check(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		ts.Fatalf("the service was asked %v, want %v", got, want)
	}
}
