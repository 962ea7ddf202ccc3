package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"github.com/trustbridge/trustbridge/shared/awscall"
	"github.com/trustbridge/trustbridge/shared/binding"
	"github.com/trustbridge/trustbridge/shared/destination"
	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/shared/ingress"
	"github.com/trustbridge/trustbridge/shared/rolesanywhere"
	"github.com/trustbridge/trustbridge/shared/telemetry"
)

// build makes the rooms of the path and the identity beside it. It makes no call to AWS or BTP. An error that is a [Problem]
// is one of the configuration that only the maker of a room finds.
func (f Function) build(ctx context.Context, config *Config, log *slog.Logger) (*server, error) {
	counters := &telemetry.Counters{}
	authenticator, err := config.buildAuth(log, counters)
	if err != nil {
		return nil, err
	}
	awsConfig, err := config.loadAWS(ctx, f.Settings.Region())
	if err != nil {
		return nil, err
	}
	id, err := config.buildIdentity(awsConfig.HTTPClient, log, counters)
	if err != nil {
		return nil, err
	}
	session := awscall.NewSession(id.provider, id.provider.Reject)
	awsConfig.Credentials = session.Credentials()
	sink := f.NewSink(Target{AWS: awsConfig, Session: session, Counters: counters})

	q := config.Queue
	forwarder := forward.New(sink, forward.Config{
		QueueEvents: q.Events, QueueBytes: int(q.Bytes), BatchSlots: q.Slots, Logger: log, Counters: counters,
	})
	handler := ingress.New(ingress.Config{
		Forwarder: forwarder, MaxEventBytes: int64(config.Server.MaxEventBytes), MaxBodyBytes: int64(config.Server.MaxBodyBytes),
		MaxBatchEvents: config.Server.MaxBatch, RequestTimeout: config.Server.Timeout, SuccessStatus: config.Server.SuccessStatus,
		Strict: config.Read.Strict, DefaultSource: config.Read.DefaultSource, EventHubUnwrap: ingress.Unwrap(config.Read.EventHubUnwrap),
		PlainType: config.Read.PlainType, PlainSource: config.Read.PlainSource,
		Authenticator: authenticator, WebhookOrigins: config.webhookOrigins(),
		Logger: log, Counters: counters,
	})
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", config.listenAddress())
	if err != nil {
		forwarder.Close()
		id.close()
		return nil, fmt.Errorf("listen at ADDRESS and PORT: %w", err)
	}
	config.sayAloud(listener.Addr(), log)
	return &server{
		name: f.Name, config: config, log: log, counters: counters, listener: listener,
		health: &health{next: handler}, forwarder: forwarder, identity: id,
	}, nil
}

// sayAloud logs what an operator should have decided and not just left so.
func (c *Config) sayAloud(address net.Addr, log *slog.Logger) {
	c.sayWhoMaySend(address, log)
	if c.Read.Strict && (c.Read.DefaultSource != "" || c.Read.EventHubUnwrap != "auto") {
		log.Info("STRICT=true switches repairs off: DEFAULT_SOURCE and EVENT_HUB_UNWRAP have no effect")
	}
}

// loadAWS is the AWS SDK's own configuration from the environment, without credentials of its own and without shared files.
func (c *Config) loadAWS(ctx context.Context, region string) (aws.Config, error) {
	if region == "" {
		region = c.AWS.Region
	}
	if region == "" {
		if problems := c.checkRegion(region); len(problems) > 0 {
			return aws.Config{}, problems[0]
		}
		anchor, err := rolesanywhere.ParseARN(c.RolesAnywhere.TrustAnchorARN)
		if err != nil {
			return aws.Config{}, Problem{Names: []string{"ROLES_ANYWHERE_TRUST_ANCHOR_ARN"}, Reason: "has no region: " + err.Error()}
		}
		region = anchor.Region
	}
	out, err := awsconfig.LoadDefaultConfig(ctx,
		awsconfig.WithRegion(region),
		awsconfig.WithHTTPClient(awscall.NewHTTPClient(c.Queue.Slots*2, c.Queue.CallTimeout)),
		awsconfig.WithCredentialsProvider(aws.AnonymousCredentials{}), // replaced by the session before any call
		awsconfig.WithSharedConfigFiles([]string{}),
		awsconfig.WithSharedCredentialsFiles([]string{}),
	)
	if err != nil {
		return aws.Config{}, Problem{Names: []string{"AWS_…"}, Reason: "cannot all be used by the AWS SDK, which reads these variables: " + err.Error()}
	}
	return out, nil
}

// bindingSources is where the binding of the Destination service may be.
func (c *Config) bindingSources() binding.Sources {
	i := c.Identity
	return binding.Sources{
		Root: i.BindingRoot, DefaultRoot: binding.DefaultRoot, VCAPServices: i.VCAP, VCAPServicesFilePath: i.VCAPPath,
		ServiceKeyPath: i.ServiceKeyPath, Name: i.Binding,
	}
}

// findBinding tells whether there is a binding at all, and one: that is configuration. What is wrong inside it can be cured
// while the function runs.
func (c *Config) findBinding() []Problem {
	_, err := binding.Find(c.bindingSources())
	var problem *binding.Error
	if !errors.As(err, &problem) || problem.Kind != binding.NoBinding && problem.Kind != binding.SeveralBindings {
		return nil
	}
	return []Problem{{
		Names: []string{"SERVICE_BINDING_ROOT", "VCAP_SERVICES", "VCAP_SERVICES_FILE_PATH", "DESTINATION_SERVICE_KEY_PATH"}, Reason: "give no one binding: " + problem.Error(),
		Purpose: "the binding of the SAP BTP Destination service, from which the certificate comes",
		Example: "DESTINATION_SERVICE_KEY_PATH=/var/openfaas/secrets/destination",
	}}
}

// boundIdentity is the identity's rooms at work.
type boundIdentity struct {
	log      *slog.Logger
	source   *destination.Client
	provider *rolesanywhere.Provider
}

func (c *Config) buildIdentity(client aws.HTTPClient, log *slog.Logger, counters *telemetry.Counters) (*boundIdentity, error) {
	id := &boundIdentity{log: log}
	dc := c.destination()
	dc.Binding = func() (*binding.Binding, error) { return binding.Find(c.bindingSources()) }
	dc.Logger, dc.Counters = log, counters
	dc.OnChange = func(string) { id.provider.IdentityChanged() } // not before a look, which comes after this
	source, err := destination.New(dc)
	if err != nil {
		name := "DESTINATION_NAME"
		if dc.CertificateName != "" {
			name = "CERTIFICATE_NAME"
		}
		return nil, Problem{Names: []string{name}, Reason: "cannot be looked up: " + err.Error()}
	}
	id.source = source
	rc := c.rolesAnywhere()
	rc.Source, rc.Logger, rc.Counters = id.source, log, counters
	rc.HTTPClient = signInClient(client, c)
	provider, err := rolesanywhere.New(rc)
	if err != nil {
		source.Close()
		return nil, err
	}
	id.provider = provider
	return id, nil
}

// signInClient calls Roles Anywhere with the transport of the AWS SDK's configuration, so that AWS_CA_BUNDLE and proxies
// apply, and follows no redirect with a signed request.
func signInClient(client aws.HTTPClient, c *Config) rolesanywhere.Doer {
	out := &http.Client{
		Timeout:       c.Queue.CallTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if buildable, ok := client.(*awshttp.BuildableClient); ok {
		out.Transport = buildable.GetTransport()
	}
	return out
}

// run signs in at once, so that the first event finds credentials, and looks for a new certificate until ctx ends.
func (i *boundIdentity) run(ctx context.Context) {
	var owned sync.WaitGroup
	owned.Go(func() { i.source.Run(ctx) })
	owned.Go(func() {
		if _, err := i.provider.Retrieve(ctx); err != nil && ctx.Err() == nil {
			i.log.Error("cannot sign in to aws yet; events are answered 503 until it succeeds", "error", err)
		}
	})
	owned.Wait()
}

func (i *boundIdentity) close() {
	i.provider.Close()
	i.source.Close()
}
