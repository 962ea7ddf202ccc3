package destination

import "strconv"

// Kind says what an [Error] is about. The zero Kind is not a valid one.
type Kind int

const (
	// Binding means that the service binding cannot be used; the cause is a *binding.Error.
	Binding Kind = iota + 1
	// ClientRefused means that the token endpoint or the service answered 401, twice.
	ClientRefused
	// NotFound means that there is no destination of this name.
	NotFound
	// NoCertificate means that there is no certificate of this name at its level.
	NoCertificate
	// Exists means that something of this name is there already.
	Exists
	// Refused means that the service refused the request otherwise.
	Refused
	// AuthenticationType means that the destination is not of the kind that certificates come with.
	AuthenticationType
	// ClientProvided means that the destination says that the client brings its own key store.
	ClientProvided
	// KeyStoreNotListed means that the key store the destination names did not come with it.
	KeyStoreNotListed
	// KeyStore means that the key store cannot be used; the cause is a *keystore.Error.
	KeyStore
	// LocalKey means that the file of the private key cannot be used.
	LocalKey
	// Expired means that the certificate ended more than a day ago, so that no wrong clock can be the reason.
	Expired
	// NotYetValid means that the certificate begins in more than a day.
	NotYetValid
	// CutOff means that the answer ended early.
	CutOff
	// NotTheService means that something else answered, a proxy for example.
	NotTheService
	// BadAnswer means that the answer is JSON but lacks what it must hold.
	BadAnswer
	// Throttled means that the service asks to be asked less often.
	Throttled
	// ServiceFault means that the service answered with a 5xx.
	ServiceFault
	// Connection is no answer.
	Connection
	// Unencrypted means that an address in the binding is plain http and not loopback.
	Unencrypted
	// Closed means that the client was closed.
	Closed
)

// traits is what is said of a kind: its name, whether time may cure it, a sentence for strangers and what to check.
type traits struct {
	name, detail, check string
	outage              bool
}

func (k Kind) traits() traits {
	switch k {
	case Binding:
		return traits{
			name:   "binding",
			detail: "the binding of the SAP BTP Destination Service cannot be used; an operator finds the reason in the log of the bridge",
			check:  "the service binding or service key",
		}
	case ClientRefused:
		return traits{
			name: "client-refused",
			detail: "SAP BTP does not accept the client of the Destination Service binding; its secret or certificate was rotated or deleted: " +
				"give the bridge the present binding",
			check: "the binding's clientid with its clientsecret, or its certificate; after a rotation give the new one",
		}
	case NotFound:
		return traits{
			name:   "not-found",
			detail: "the destination does not exist in SAP BTP; create it or correct DESTINATION_NAME",
			check:  "that the destination exists at the binding's instance or in its subaccount, under exactly this name",
		}
	case NoCertificate:
		return traits{
			name:   "certificate-not-found",
			detail: "the certificate does not exist in SAP BTP; create it or correct CERTIFICATE_NAME and CERTIFICATE_LEVEL",
			check:  "that the certificate exists at exactly this level, under exactly this name with its ending",
		}
	case Exists:
		return traits{
			name:   "exists",
			detail: "something of this name exists already in SAP BTP; use it, or choose another name",
			check:  "whether what exists is what you want; nothing was changed",
		}
	case Refused:
		return traits{
			name:   "refused",
			detail: "the Destination Service of SAP BTP refuses the request; compare the binding and DESTINATION_NAME with the service",
			check:  "the binding's permissions and the destination's name",
		}
	case AuthenticationType:
		return traits{
			name:   "authentication-type",
			detail: "the destination holds no certificate; set its Authentication to ClientCertificateAuthentication and choose a key store",
			check:  "certificates come only with Authentication=ClientCertificateAuthentication",
		}
	case ClientProvided:
		return traits{
			name:   "client-provided",
			detail: "the destination leaves the key store to its client; set KeyStore.Source to DestinationService and choose a key store",
			check:  "KeyStore.Source=ClientProvided returns no key store; it must be DestinationService",
		}
	case KeyStoreNotListed:
		return traits{
			name:   "key-store-not-listed",
			detail: "the key store that the destination names does not exist; correct its KeyStoreLocation",
			check:  "that KeyStoreLocation is exactly the name of a certificate at the same level",
		}
	case KeyStore:
		return traits{
			name:   "key-store",
			detail: "the key store of the destination cannot be used; an operator finds the reason in the log of the bridge",
			check:  "the key store",
		}
	case LocalKey:
		return traits{
			name:   "local-key",
			detail: "the private key of the certificate cannot be read here; mount it again",
			check:  "that the file holds the one unencrypted private key, in PEM, whose signing request the certificate was made from",
		}
	case Expired:
		return traits{
			name:   "expired",
			detail: "the certificate of the destination has expired; renew it, and switch its automatic renewal on",
			check:  "renew the certificate; automatic renewal is off unless AutomaticRenew was set, and SAP never renews uploaded ones",
		}
	case NotYetValid:
		return traits{
			name:   "not-yet-valid",
			detail: "the certificate of the destination is not valid yet; compare its begin of validity with the clock",
			check:  "the begin of validity and the clock of this host",
		}
	case CutOff:
		return traits{
			name:   "cut-off",
			outage: true,
			detail: "the Destination Service of SAP BTP sent an incomplete answer; send again later",
			check:  "whether proxies between this host and SAP BTP cut answers",
		}
	case NotTheService:
		return traits{
			name:   "not-the-service",
			detail: "something other than SAP BTP answers in the place of the Destination Service; correct the proxy or the binding",
			check:  "proxies between this host and SAP BTP, and the addresses in the binding",
		}
	case BadAnswer:
		return traits{
			name:   "bad-answer",
			detail: "the answer of SAP BTP lacks what it must hold; an operator finds the reason in the log of the bridge",
			check:  "whether the addresses in the binding are those of the Destination Service",
		}
	case Throttled:
		return traits{
			name:   "throttled",
			outage: true,
			detail: "the Destination Service of SAP BTP asks for patience; send again later",
			check:  "how many instances share this binding",
		}
	case ServiceFault:
		return traits{
			name:   "service-fault",
			outage: true,
			detail: "the Destination Service of SAP BTP has a fault of its own; send again later",
			check:  "the status of SAP BTP in this region",
		}
	case Connection:
		return traits{
			name:   "no-answer",
			outage: true,
			detail: "the Destination Service of SAP BTP does not answer; the network to it, or the service, is interrupted",
			check:  "network, DNS, proxy and firewall between this host and SAP BTP",
		}
	case Unencrypted:
		return traits{
			name:   "unencrypted",
			detail: "an address in the binding of the Destination Service is not https; give the bridge the binding as SAP made it",
			check:  "url and uri of the binding: https, or http to a loopback address",
		}
	case Closed:
		return traits{
			name:   "closed",
			outage: true,
			detail: "the bridge is shutting down; send again later",
			check:  "nothing: this process is ending",
		}
	}
	return traits{
		name:   "destination.Kind(" + strconv.Itoa(int(k)) + ")",
		detail: "there is no certificate from SAP BTP; an operator finds the reason in the log of the bridge",
	}
}

// String is the kind's name in logs.
func (k Kind) String() string { return k.traits().name }
