package bridge

import (
	"crypto/x509"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trustbridge/trustbridge/shared/rolesanywhere"
)

// Config is what all functions are configured by. Names and defaults are part of the product: docs/configuration.md is made
// from these tags.
type Config struct {
	Server struct {
		Address       string        `env:"ADDRESS" doc:"address to listen on; empty means all interfaces" example:"127.0.0.1"`
		Port          int           `env:"PORT" default:"8080" min:"0" max:"65535" doc:"port to listen on; 0 lets the system choose one, which the log names" example:"8080"`
		MaxEventBytes Size          `env:"MAX_EVENT_BYTES" default:"1 MiB" min:"1 KiB" max:"16 MiB" doc:"largest event, as it was sent; a larger one is answered 413" example:"256KiB"`
		MaxBodyBytes  Size          `env:"MAX_BODY_BYTES" default:"4 MiB" min:"1 KiB" max:"64 MiB" doc:"largest request body; a larger one is answered 413" example:"4MiB"`
		MaxBatch      int           `env:"MAX_BATCH_EVENTS" default:"100" min:"1" max:"10000" doc:"most events in one batch request; more are answered 413 and none is sent" example:"100"`
		Timeout       time.Duration `env:"REQUEST_TIMEOUT" default:"25s" min:"2s" max:"15m" doc:"a request is answered within this time after its headers; keep it below the sender's own limit (Kyma: 30s)" example:"25s"`
		Grace         time.Duration `env:"GRACE" default:"30s" min:"3s" max:"15m" doc:"time from SIGTERM to the end that the platform gives (Cloud Foundry: 10s)" example:"30s"`
		DrainDelay    time.Duration `env:"DRAIN_DELAY" default:"3s" max:"10m" doc:"time from SIGTERM until new connections are refused, for the platform to stop sending (Knative: 0s)" example:"3s"`
		SuccessStatus int           `env:"SUCCESS_STATUS" default:"204" values:"204,200,202" doc:"status of success, for senders that know only 200 or 202" example:"200"`
	} `group:"server"`
	Queue struct {
		Events      int           `env:"QUEUE_EVENTS" default:"1000" min:"1" max:"1000000" doc:"most events held at once; more are answered 429" example:"1000"`
		Bytes       Size          `env:"QUEUE_BYTES" default:"16 MiB" min:"1 KiB" max:"16 GiB" doc:"most bytes of events held at once; more are answered 429" example:"16MiB"`
		Slots       int           `env:"BATCH_SLOTS" default:"16" min:"1" max:"1000" doc:"most calls to AWS in flight; fewer are used while few are enough" example:"16"`
		CallTimeout time.Duration `env:"AWS_CALL_TIMEOUT" default:"8s" min:"100ms" max:"15m" doc:"limit of one attempt of a call to AWS" example:"8s"`
	} `group:"queue"`
	Read struct {
		Strict         bool   `env:"STRICT" default:"false" doc:"true refuses what CloudEvents does not allow, instead of repairing what SAP's senders are known to send" example:"true"`
		DefaultSource  string `env:"DEFAULT_SOURCE" doc:"source of events whose source is empty; without it they are refused" example:"/default/sap.s4.beh/731904412"`
		EventHubUnwrap string `env:"EVENT_HUB_UNWRAP" default:"auto" values:"auto,always,never" doc:"whether the body {\"data\":…,\"header\":…} of SAP Event Hub is unwrapped: auto, if that loses nothing; always, dropping what cannot become an attribute; never" example:"never"`
		PlainType      string `env:"HTTP_EVENT_TYPE" doc:"type of the event that a POST becomes which has no mark of CloudEvents; without it such a request is refused" example:"orders.received.v1"`
		PlainSource    string `env:"HTTP_EVENT_SOURCE" doc:"source of that event" example:"/erp/orders"`
	} `group:"what is read"`
	Auth struct {
		Auth           string `env:"AUTH" required:"true" doc:"who may send: basic lets in users with a password; none lets in everyone who reaches the address, so have a gateway, a service mesh or the platform decide before it" example:"none"`
		BasicUsersPath string `env:"AUTH_BASIC_USERS_PATH" doc:"file of users for basic, in lines as htpasswd -B makes them (bcrypt only); read again when it changes" example:"/var/openfaas/secrets/senders"`
		WebhookOrigins string `env:"WEBHOOK_ORIGINS" doc:"origins whose webhook handshake is granted, a comma list, compared as they are but for upper and lower case; empty: none" example:"eventmesh.example.com"`
	} `group:"who may send"`
	Identity struct {
		Identity         string `env:"IDENTITY" default:"destination" values:"destination" doc:"where certificate and key come from: the SAP BTP Destination service" example:"destination"`
		DestinationName  string `env:"DESTINATION_NAME" doc:"destination that names the certificate, looked up at instance level, then at subaccount level; it or CERTIFICATE_NAME is needed" example:"aws-orders"`
		DestinationLevel string `env:"DESTINATION_LEVEL" values:"instance,subaccount,provider_instance,provider_subaccount" doc:"the one level at which the destination is looked up, by version 2 of the API" example:"instance"`
		CertificateName  string `env:"CERTIFICATE_NAME" doc:"certificate in the Destination service, in the place of a destination; the ARNs below are needed then" example:"orders.pem"`
		CertificateLevel string `env:"CERTIFICATE_LEVEL" values:"instance,subaccount" doc:"level of that certificate" example:"instance"`
		KeyPath          string `env:"DESTINATION_KEY_PATH" doc:"file with the private key in PEM of a certificate that was made from a signing request; it is read again when it changes" example:"/var/openfaas/secrets/orders-key"`
		Subdomain        string `env:"DESTINATION_SUBDOMAIN" doc:"subdomain of the subscriber for whom tokens are fetched; empty: the binding's own" example:"customer-1"`
		Binding          string `env:"DESTINATION_BINDING" doc:"which binding of the Destination service to take if several are there: instance name, binding name or folder" example:"orders-destination"`
		ServiceKeyPath   string `env:"DESTINATION_SERVICE_KEY_PATH" doc:"file with a service key of the Destination service as SAP prints it; if set, no other binding is looked for" example:"/var/openfaas/secrets/destination"`
		BindingRoot      string `env:"SERVICE_BINDING_ROOT" doc:"folder with a folder for each mounted binding; empty: /etc/secrets/sapbtp, if it is there" example:"/bindings"`
		VCAP             string `env:"VCAP_SERVICES" doc:"bindings as Cloud Foundry gives them: JSON, with secrets" example:"{\"destination\":[…]}"`
		VCAPPath         string `env:"VCAP_SERVICES_FILE_PATH" doc:"file with the same JSON, read if VCAP_SERVICES is not set" example:"/etc/vcap/services.json"`
	} `group:"identity"`
	RolesAnywhere struct {
		TrustAnchorARN string        `env:"ROLES_ANYWHERE_TRUST_ANCHOR_ARN" doc:"trust anchor whose CA issued the certificate; its region is where the function signs in. Empty: the destination's property aws.trustAnchorArn" example:"arn:aws:rolesanywhere:eu-central-1:111122223333:trust-anchor/11111111-2222-3333-4444-555555555555"`
		ProfileARN     string        `env:"ROLES_ANYWHERE_PROFILE_ARN" doc:"profile that lists the role. Empty: the destination's property aws.profileArn" example:"arn:aws:rolesanywhere:eu-central-1:111122223333:profile/66666666-7777-8888-9999-000000000000"`
		RoleARN        string        `env:"ROLES_ANYWHERE_ROLE_ARN" doc:"role that the function works as. Empty: the destination's property aws.roleArn" example:"arn:aws:iam::111122223333:role/trustbridge-publish-sns"`
		SessionName    string        `env:"ROLES_ANYWHERE_SESSION_NAME" doc:"name of the session, for the audit log; the profile must accept session names. Empty: the certificate's serial number" example:"orders-prod"`
		Duration       time.Duration `env:"ROLES_ANYWHERE_DURATION" doc:"life of a session, 15m to 12h; empty: as the profile says" example:"1h"`
	} `group:"Roles Anywhere"`
	AWS struct {
		Region      string `env:"AWS_REGION" doc:"region of a target whose setting does not name one; else the trust anchor's, if ROLES_ANYWHERE_TRUST_ANCHOR_ARN names it" example:"eu-central-1"`
		CABundle    string `env:"AWS_CA_BUNDLE" doc:"file with the CA certificates to check AWS by, in the place of the system's" example:"/etc/ssl/proxy-ca.pem"`
		FIPS        bool   `env:"AWS_USE_FIPS_ENDPOINT" default:"false" doc:"true calls the FIPS endpoints of AWS" example:"true"`
		DualStack   bool   `env:"AWS_USE_DUALSTACK_ENDPOINT" default:"false" doc:"true calls the dual-stack (IPv6) endpoints of AWS" example:"true"`
		EndpointURL string `env:"AWS_ENDPOINT_URL" doc:"endpoint of every AWS service, Roles Anywhere too, for a stand-in or a proxy" example:"https://127.0.0.1:8443"`
		SignIn      string `env:"AWS_ENDPOINT_URL_ROLESANYWHERE" doc:"endpoint of IAM Roles Anywhere, for a VPC endpoint" example:"https://vpce-0123.rolesanywhere.eu-central-1.vpce.amazonaws.com"`
	} `group:"AWS"`
	Telemetry struct {
		Level string `env:"LOG_LEVEL" default:"info" values:"info,debug,warn,error" doc:"least level that is logged; a line an event needs debug" example:"debug"`
	} `group:"telemetry"`
}

// listenAddress is where the server listens.
func (c *Config) listenAddress() string {
	return net.JoinHostPort(c.Server.Address, strconv.Itoa(c.Server.Port))
}

// rolesAnywhere is the identity's part, without its source and client.
func (c *Config) rolesAnywhere() rolesanywhere.Config {
	r := c.RolesAnywhere
	endpoint := c.AWS.SignIn
	if endpoint == "" {
		endpoint = c.AWS.EndpointURL
	}
	return rolesanywhere.Config{
		TrustAnchorARN: r.TrustAnchorARN, ProfileARN: r.ProfileARN, RoleARN: r.RoleARN, SessionName: r.SessionName, Duration: r.Duration,
		Endpoint: endpoint, FIPS: c.AWS.FIPS, DualStack: c.AWS.DualStack, ARNsFromSource: c.Identity.DestinationName != "",
	}
}

// check is everything that single values do not show: settings that contradict each other, and ARNs.
func (c *Config) check() []Problem {
	var problems []Problem
	against := func(broken bool, reason string, names ...string) {
		if broken {
			problems = append(problems, Problem{Names: names, Reason: reason})
		}
	}
	s, q := c.Server, c.Queue
	against(s.MaxEventBytes > s.MaxBodyBytes, "contradict each other: an event of the largest size would not fit into a body", "MAX_EVENT_BYTES", "MAX_BODY_BYTES")
	against(q.Events < s.MaxBatch, "contradict each other: a batch of the largest number of events would not fit into the queue", "QUEUE_EVENTS", "MAX_BATCH_EVENTS")
	against(q.Bytes < s.MaxBodyBytes, "contradict each other: the events of the largest body would not fit into the queue", "QUEUE_BYTES", "MAX_BODY_BYTES")
	against(s.Grace < s.DrainDelay+drainReserve, "contradict each other: GRACE must be at least 2s longer, so that the last requests are answered", "GRACE", "DRAIN_DELAY")
	against(c.Identity.ServiceKeyPath != "" && c.Identity.Binding != "", "contradict each other: a service key is the only binding that is looked at", "DESTINATION_SERVICE_KEY_PATH", "DESTINATION_BINDING")
	for name, source := range map[string]string{"DEFAULT_SOURCE": c.Read.DefaultSource, "HTTP_EVENT_SOURCE": c.Read.PlainSource} {
		_, err := url.Parse(source)
		against(source != "" && (err != nil || strings.TrimSpace(source) == ""), "is "+quote(source)+", which is no URI reference and so no source", name)
	}
	against((c.Read.PlainType == "") != (c.Read.PlainSource == ""), "belong together: an event has a type and a source; set both or none", "HTTP_EVENT_TYPE", "HTTP_EVENT_SOURCE")
	if path := c.AWS.CABundle; path != "" {
		content, err := os.ReadFile(path) //nolint:gosec // the operator's own file
		against(err != nil, "cannot be read: "+quote(path), "AWS_CA_BUNDLE")
		against(err == nil && !x509.NewCertPool().AppendCertsFromPEM(content), "is "+quote(path)+", which holds no certificate in PEM", "AWS_CA_BUNDLE")
	}
	problems = append(problems, c.checkAuth()...)
	return slices.Concat(problems, c.checkIdentity(), c.checkRolesAnywhere())
}

// endpointVariable begins the names of the variables by which the AWS SDK finds the endpoint of one service.
const endpointVariable = "AWS_ENDPOINT_URL"

// signInVariable is the variable that gives the endpoint of Roles Anywhere, if one does.
func (c *Config) signInVariable() string {
	if c.AWS.SignIn == "" && c.AWS.EndpointURL != "" {
		return endpointVariable
	}
	return "AWS_ENDPOINT_URL_ROLESANYWHERE"
}

// checkEndpoints is what is wrong with the endpoints that the AWS SDK would only find at the first event: those that are no
// URL, and those beside settings that choose another one. The one of Roles Anywhere is looked at with its other settings.
func (c *Config) checkEndpoints(environment map[string]string) []Problem {
	var problems []Problem
	for _, name := range sortedNames(environment) {
		value := environment[name]
		if value == "" || name != endpointVariable && !strings.HasPrefix(name, endpointVariable+"_") {
			continue
		}
		contradicts := func(is bool, chooser string) {
			if is {
				problems = append(problems, Problem{Names: []string{name, chooser}, Reason: "contradict each other: an endpoint is either given or chosen by AWS's rules"})
			}
		}
		contradicts(c.AWS.FIPS, "AWS_USE_FIPS_ENDPOINT")
		contradicts(c.AWS.DualStack, "AWS_USE_DUALSTACK_ENDPOINT")
		if name == c.signInVariable() {
			continue
		}
		if u, err := url.Parse(value); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
			problems = append(problems, Problem{Names: []string{name}, Reason: "is no URL like https://host"})
		}
	}
	return problems
}
