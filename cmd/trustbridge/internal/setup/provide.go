package setup

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/trustbridge/trustbridge/cmd/trustbridge/internal/folder"
	"github.com/trustbridge/trustbridge/cmd/trustbridge/internal/plan"
	"github.com/trustbridge/trustbridge/shared/destination"
)

// csrBits is the size of the RSA key that is made here; that the service takes other keys is not documented.
const csrBits = 3072

// newURL is where a new destination points to; the functions read its certificate only, and never call it.
const newURL = "https://rolesanywhere.amazonaws.com"

// provide finds destination and certificate, or makes what is missing: the certificate first, for whether a destination may name
// one that does not exist is not documented.
func (s *run) provide(ctx context.Context) error {
	found, err := s.service.Destination(ctx, s.o.Destination)
	switch {
	case is(err, destination.NotFound) && !s.o.Create:
		return &Error{Err: err, Hint: "correct --destination, or make the destination and its certificate with --create"}
	case err != nil && !is(err, destination.NotFound):
		return err
	}
	if err := s.locate(found); err != nil {
		return err
	}
	s.report.Level, s.report.Certificate = s.level, s.keyStore
	s.chain, err = s.service.PublicKeys(ctx, s.level, s.keyStore)
	if is(err, destination.NoCertificate) {
		if !s.o.Create {
			return &Error{Err: err, Hint: fmt.Sprintf("correct the destination's KeyStoreLocation, or make the certificate %s with --create", s.keyStore)}
		}
		if err := s.createCertificate(ctx); err != nil {
			return err
		}
		s.chain, err = s.service.PublicKeys(ctx, s.level, s.keyStore)
	}
	if err != nil {
		return err
	}
	if found != nil {
		return nil
	}
	return s.createDestination(ctx)
}

// ready tells whether the files could be written, before anything is made that they are about.
func (s *run) ready() error {
	if err := folder.Try(s.o.Folder); err != nil {
		return &Error{Err: err, Hint: folderHint}
	}
	return nil
}

// folderHint is the next step where files cannot be written.
const folderHint = "make the folder writable, or choose another --folder; what is made in the Destination service stays there for the next run"

// createDestination makes the destination. Where there is one all at once, an attempt that got no answer may have made it, or
// somebody else has: it must be as ours would be.
func (s *run) createDestination(ctx context.Context) error {
	if err := s.ready(); err != nil {
		return err
	}
	err := s.service.CreateDestination(ctx, s.level, map[string]string{
		"Name": s.o.Destination, "Type": "HTTP", "URL": newURL, "ProxyType": "Internet",
		"Authentication": clientCertificate, "KeyStoreLocation": s.keyStore, "KeyStorePassword": "",
	})
	if !is(err, destination.Exists) {
		if err == nil {
			s.report.Made = append(s.report.Made, "destination "+s.o.Destination)
		}
		return err
	}
	found, err := s.service.Destination(ctx, s.o.Destination)
	if err != nil {
		return err
	}
	level, keyStore := s.level, s.keyStore
	if err := s.locate(found); err != nil {
		return err
	}
	if s.level != level || s.keyStore != keyStore {
		return fail("run the same again, to use that one", "create destination %q: somebody made another at the same moment, of key store %q at %s level",
			s.o.Destination, s.keyStore, s.level)
	}
	return nil
}

func is(err error, kind destination.Kind) bool {
	e, isOne := errors.AsType[*destination.Error](err)
	return isOne && e.Kind == kind
}

// clientCertificate is the only kind of destination that certificates come with.
const clientCertificate = "ClientCertificateAuthentication"

// locate decides level and key store; found is nil if there is no destination.
func (s *run) locate(found *destination.Found) error {
	if found == nil {
		s.level, s.keyStore = s.o.Level, s.o.Certificate
		if s.level == "" {
			s.level = destination.Instance
		}
		if s.keyStore == "" {
			s.keyStore = s.o.Destination + ".pem"
		}
		return nil
	}
	s.level, s.keyStore = found.Level, found.KeyStore
	name := s.o.Destination
	switch {
	case s.o.Level != "" && s.o.Level != found.Level:
		return fail("leave --level out, or choose another --destination", "find destination %q: it is at %s level, and --level says %s", name, found.Level, s.o.Level)
	case found.Properties["Authentication"] != clientCertificate:
		return fail("set Authentication to "+clientCertificate+" and choose a key store, or choose another --destination",
			"find destination %q: its Authentication is %q, and certificates come only with %s", name, found.Properties["Authentication"], clientCertificate)
	case found.Properties["KeyStore.Source"] == "ClientProvided":
		return fail("set KeyStore.Source to DestinationService and choose a key store",
			"find destination %q: its KeyStore.Source is ClientProvided, so that it has no key store", name)
	case found.KeyStore == "":
		return fail("choose a key store in the destination", "find destination %q: it names no key store (KeyStoreLocation)", name)
	case s.o.Certificate != "" && s.o.Certificate != found.KeyStore:
		return fail("leave --certificate out, or change KeyStoreLocation of the destination",
			"find destination %q: its KeyStoreLocation is %q, and --certificate says %q", name, found.KeyStore, s.o.Certificate)
	}
	return nil
}

// createCertificate has the service issue the certificate, with automatic renewal.
func (s *run) createCertificate(ctx context.Context) error {
	if err := s.ready(); err != nil {
		return err
	}
	request := destination.CertificateRequest{
		Name: s.keyStore, CN: s.commonName(), ValidityUnit: s.o.Validity.Unit, ValidityValue: s.o.Validity.Value, AutomaticRenew: true,
	}
	if request.ValidityValue == 0 {
		request.ValidityUnit, request.ValidityValue = Days, 30
	}
	if s.o.CSR {
		key, err := s.ownKey()
		if err != nil {
			return err
		}
		if request.CSR, err = newRequest(key, request.CN); err != nil {
			return err
		}
	}
	err := s.service.CreateCertificate(ctx, s.level, request)
	if is(err, destination.Exists) {
		return nil // by an attempt that got no answer, or somebody else: what it is will be seen
	}
	if err == nil {
		s.report.Made = append(s.report.Made, "certificate "+s.keyStore)
	}
	return err
}

func (s *run) commonName() string {
	if s.o.CommonName != "" {
		return s.o.CommonName
	}
	return "trustbridge-" + s.o.Destination
}

// ownKey is the private key in the folder: an earlier run's, or a new one. It is in its place before a certificate is asked for
// it, so that none is ever without its key.
func (s *run) ownKey() (*rsa.PrivateKey, error) {
	key, err := s.readKey()
	if err != nil || key != nil {
		return key, err
	}
	if key, err = rsa.GenerateKey(rand.Reader, csrBits); err != nil {
		return nil, fmt.Errorf("make the private key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("make the private key: %w", err)
	}
	file := folder.File{Path: plan.KeyName, Content: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), Mode: 0o600}
	if _, err := folder.Write(s.o.Folder, []folder.File{file}, false); err != nil {
		return nil, &Error{Err: err, Hint: folderHint}
	}
	s.report.Made = append(s.report.Made, "private key "+plan.KeyName)
	return key, nil
}

// readKey is the private key in the folder, nil if there is none.
func (s *run) readKey() (*rsa.PrivateKey, error) {
	content, err := folder.Read(s.o.Folder, plan.KeyName)
	if err != nil {
		return nil, &Error{Err: err, Hint: "see that the folder is one, and a private key in it a file that you alone may read, or choose another --folder"}
	}
	if content == nil {
		return nil, nil
	}
	block, _ := pem.Decode(content)
	if block != nil {
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if key, isRSA := key.(*rsa.PrivateKey); isRSA {
				return key, nil
			}
		}
	}
	// The texts of parsers are left out: they may quote the key.
	return nil, fail("move it away, or choose another --folder", "read %s in %s: it is no private key that trustbridge setup made", plan.KeyName, s.o.Folder)
}

// newRequest is a request for a certificate, in PEM. The service ignores its subject.
func newRequest(key crypto.Signer, cn string) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: cn}}, key)
	if err != nil {
		return nil, fmt.Errorf("make the certificate request: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), nil
}

// checkKey compares the private key in the folder with the certificate, and returns where the functions find it, "" if the
// service has it.
func (s *run) checkKey() (string, error) {
	key, err := s.readKey()
	switch {
	case err != nil:
		return "", err
	case key == nil && s.o.CSR:
		return "", fail("leave --csr out, or choose another --certificate and --destination",
			"look for %s in %s: the certificate %s is there already, and was not made from a request of this folder", plan.KeyName, s.o.Folder, s.keyStore)
	case key == nil:
		return "", nil
	case !key.PublicKey.Equal(s.chain[0].PublicKey):
		return "", fail("choose another --folder, or move the key to where its certificate is",
			"compare %s in %s: it is not the private key of the certificate %s", plan.KeyName, s.o.Folder, s.keyStore)
	}
	return s.o.KeyPath, nil
}
