package local

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/trustbridge/trustbridge/test/local/aws"
	"github.com/trustbridge/trustbridge/test/local/btp"
)

// Config is what a stand-in is. Zero values are the defaults.
type Config struct {
	// Address is where the AWS part listens, BTPAddress the BTP part; "" means a free port of 127.0.0.1. Addresses that are
	// not loopback are refused: nothing here is fit to be reached by others.
	Address, BTPAddress string
	// PKI issues the certificates; nil means that Start makes one, which takes a moment.
	PKI *btp.PKI
	// AWS and BTP are the parts' own configurations; BTP.PKI is PKI.
	AWS aws.Config
	BTP btp.Config
	// Logger gets what the HTTP servers report; nil discards it.
	Logger *slog.Logger
}

// Stand is the stand-in at work. End it with Close. Safe for concurrent use.
type Stand struct {
	// AWS and BTP are its parts, to be set up, inspected and broken.
	AWS *aws.Server
	BTP *btp.Server

	pki       *btp.PKI
	authority *authority
	awsURL    string
	btpURL    string
	servers   []*http.Server
	serving   sync.WaitGroup
}

// New makes the stand-in without listening, for tests that reach AWS and BTP as handlers on a network of their own.
func New(c Config) (*Stand, error) {
	if c.PKI == nil {
		pki, err := btp.NewPKI(time.Now())
		if err != nil {
			return nil, fmt.Errorf("make the certificate authorities: %w", err)
		}
		c.PKI = pki
	}
	c.BTP.PKI = c.PKI
	btpServer, err := btp.New(c.BTP)
	if err != nil {
		return nil, err
	}
	return &Stand{AWS: aws.New(c.AWS), BTP: btpServer, pki: c.PKI}, nil
}

// Start starts the stand-in. It serves until Close.
func Start(ctx context.Context, c Config) (*Stand, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := New(c)
	if err != nil {
		return nil, err
	}
	if s.authority, err = newAuthority(time.Now()); err != nil {
		return nil, fmt.Errorf("make the server certificate: %w", err)
	}
	if s.awsURL, err = s.listen(ctx, c.Address, s.AWS, tls.NoClientCert, c.Logger); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if s.btpURL, err = s.listen(ctx, c.BTPAddress, s.BTP, tls.RequestClientCert, c.Logger); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// listen serves handler with TLS and returns its URL. Client certificates are asked for, and judged by the handler, where BTP's
// token endpoint wants them.
func (s *Stand) listen(
	ctx context.Context, address string, handler http.Handler, clients tls.ClientAuthType, log *slog.Logger,
) (string, error) {
	listener, err := Listen(ctx, address)
	if err != nil {
		return "", err
	}
	config := s.authority.serverConfig()
	config.ClientAuth = clients
	server := &http.Server{
		Handler: handler, TLSConfig: config, ReadHeaderTimeout: time.Minute, MaxHeaderBytes: 128 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	s.servers = append(s.servers, server)
	s.serving.Go(func() {
		if err := server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
			log.ErrorContext(ctx, "the stand-in stopped serving", "address", listener.Addr().String(), "error", err)
		}
	})
	return "https://" + listener.Addr().String(), nil
}

// Listen listens on the loopback interface: at a free port of 127.0.0.1 if address is "". Any other address is an error.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("listen at %q: %w", address, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("listen at %q: the stand-in listens on loopback only; use 127.0.0.1 or [::1]", address)
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}

// AWSURL is where the AWS part is reached: the endpoint of every service.
func (s *Stand) AWSURL() string { return s.awsURL }

// BTPURL is where the BTP part is reached.
func (s *Stand) BTPURL() string { return s.btpURL }

// CA is the certificate, in PEM, that clients check both parts by.
func (s *Stand) CA() []byte { return s.authority.pem }

// Client is an HTTP client that trusts the stand-in.
func (s *Stand) Client() *http.Client { return s.authority.client() }

// Close ends the stand-in: connections are closed, and it returns when everything that it started has ended.
func (s *Stand) Close() error {
	var errs []error
	for _, server := range s.servers {
		errs = append(errs, server.Close())
	}
	s.serving.Wait()
	return errors.Join(append(errs, s.AWS.Close())...)
}
