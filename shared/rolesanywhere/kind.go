package rolesanywhere

// Kind says what an [Error] is about. The zero Kind is not a valid one.
type Kind int

const (
	// ClockSkew means that AWS refused the signature, and the clock differs from AWS's by more than 30 s.
	ClockSkew Kind = iota + 1
	// BadSignature means that AWS refused the signature although the clock agrees.
	BadSignature
	// Certificate means that the leaf breaks a rule of AWS, by AWS's word or by [Preflight].
	Certificate
	// Chain means that AWS found no path from the leaf to the trust anchor, or the chain is too long.
	Chain
	// Expired means that the leaf's NotAfter has passed.
	Expired
	// NotYetValid means that the leaf's NotBefore is still to come.
	NotYetValid
	// KeyMismatch means that the private key is not that of the leaf.
	KeyMismatch
	// RoleTrust means that the role's trust policy does not admit the certificate.
	RoleTrust
	// Duration means that the session would last longer than the role allows.
	Duration
	// Attributes means that AWS could not make session tags of the certificate's attributes.
	Attributes
	// SessionName means that the profile accepts no session name.
	SessionName
	// RoleNotInProfile means that the profile does not list the role.
	RoleNotInProfile
	// Profile means that the profile is unknown, disabled, empty or in another account.
	Profile
	// Anchor means that the trust anchor is unknown or disabled.
	Anchor
	// Validation means that AWS refused the form of a parameter.
	Validation
	// Refused is any other refusal of AWS.
	Refused
	// Unconfigured means that an ARN that was to come from the source is missing or wrong.
	Unconfigured
	// Throttled is more calls than the account's quota.
	Throttled
	// ServiceFault means that AWS answered with a 5xx.
	ServiceFault
	// Connection is no answer; whether the session was made is unknown.
	Connection
	// Malformed means that AWS accepted, but its answer does not hold one usable set of credentials.
	Malformed
	// NotAWS means that something else answered, a proxy for example.
	NotAWS
	// NoIdentity means that the source gave no identity.
	NoIdentity
	// SessionRejected means that a service refused the session twice within 10 s.
	SessionRejected
	// Closed means that the provider was closed.
	Closed
)

// traits is what is said of a kind: its name in logs, whether time may cure it, a sentence for strangers, and what the
// operator should check.
type traits struct {
	name, detail, check string
	outage              bool
}

func (k Kind) traits() traits {
	switch k {
	case ClockSkew:
		return traits{
			name:   "clock skew",
			detail: "the clock of the bridge differs from that of AWS by more than AWS accepts; set the clock of its host",
			check:  "set the clock of this host; AWS accepts about 10 minutes",
		}
	case BadSignature:
		return traits{
			name:   "signature",
			detail: "AWS does not accept the signature; the private key is not the certificate's, or a proxy changes requests on their way",
			check:  "compare the private key with the certificate, and look for a proxy that changes headers",
		}
	case Certificate:
		return traits{
			name:   "certificate",
			detail: "the certificate breaks a rule of AWS; issue one with digitalSignature, CA false, SHA-256 or stronger and a subject",
			check:  "the leaf must be X.509 v3 with a subject, CA false, key usage digitalSignature, SHA-256 or stronger, RSA 2048 or a NIST curve",
		}
	case Chain:
		return traits{
			name: "chain",
			detail: "AWS finds no path from the certificate to its trust anchor; the anchor must hold the certificate's CA, and the " +
				"intermediates must be sent, at most 5",
			check: "the trust anchor must hold the CA above this certificate; the key store must hold the intermediates between them",
		}
	case Expired:
		return traits{
			name:   "certificate expired",
			detail: "the certificate has expired; renew it, and switch its automatic renewal on",
			check:  "renew the certificate in the Destination Service; automatic renewal is off unless AutomaticRenew was set",
		}
	case NotYetValid:
		return traits{
			name:   "certificate not yet valid",
			detail: "the certificate is not valid yet; compare its begin of validity with the clock",
			check:  "compare the begin of validity with the clock of this host",
		}
	case KeyMismatch:
		return traits{
			name:   "key mismatch",
			detail: "the private key is not that of the certificate; both must come from one key store",
			check:  "issue certificate and key together again",
		}
	case RoleTrust:
		return traits{
			name: "role trust",
			detail: "the trust policy of the AWS role does not admit this certificate; compare its conditions with the certificate's " +
				"subject and issuer",
			check: "the role's trust policy: principal rolesanywhere.amazonaws.com, the actions sts:AssumeRole, sts:TagSession and " +
				"sts:SetSourceIdentity, aws:SourceArn, and its conditions on subject and issuer",
		}
	case Duration:
		return traits{
			name:   "duration",
			detail: "the requested session is longer than the AWS role allows; raise the role's maximum session duration or shorten the request",
			check:  "the role's MaxSessionDuration must not be below the durations of profile and configuration",
		}
	case Attributes:
		return traits{
			name: "attributes",
			detail: "values in the certificate cannot become session tags of AWS, so conditions on them fail; use letters, digits, " +
				"spaces and _.:/=+-@ only",
			check: "issue a certificate whose subject holds only letters, digits, spaces and _.:/=+-@, or map other attributes in the profile",
		}
	case SessionName:
		return traits{
			name:   "session name",
			detail: "the profile of AWS accepts no session name; allow it there or configure none",
			check:  "set acceptRoleSessionName in the profile, or configure no session name",
		}
	case RoleNotInProfile:
		return traits{
			name:   "role not in profile",
			detail: "the AWS role is not one of those in the profile of IAM Roles Anywhere; add it there",
			check:  "add the role to the profile",
		}
	case Profile:
		return traits{
			name:   "profile",
			detail: "the profile of IAM Roles Anywhere is unknown, disabled or without roles; correct it or its configured name",
			check:  "the profile must exist in the anchor's account and region, be enabled and list roles",
		}
	case Anchor:
		return traits{
			name:   "trust anchor",
			detail: "the trust anchor of IAM Roles Anywhere is unknown or disabled; enable it or correct its configured name",
			check:  "the trust anchor must exist in this account and region and be enabled",
		}
	case Validation:
		return traits{
			name:   "validation",
			detail: "AWS does not accept a parameter of the session; correct the configured names, session name and duration",
			check:  "the configured ARNs, session name and duration",
		}
	case Refused:
		return traits{
			name:   "refused",
			detail: "AWS refuses a session for this certificate; an operator finds its reason in the log of the bridge",
			check:  "AWS's text, the trust anchor, the profile and the role's trust policy",
		}
	case Unconfigured:
		return traits{
			name: "configuration",
			detail: "the bridge lacks the ARN of the trust anchor, the profile or the role of AWS, or has a wrong one; correct the properties " +
				"of the destination in SAP BTP or the variables of the bridge",
			check: "the destination's properties " + PropertyTrustAnchorARN + ", " + PropertyProfileARN + " and " + PropertyRoleARN +
				", and the variables ROLES_ANYWHERE_…_ARN, which win",
		}
	case Throttled:
		return traits{
			name:   "throttled",
			outage: true,
			detail: "AWS hands out sessions more slowly than they are asked for; send again later",
			check:  "the quota of CreateSession of this account and region, 10 a second unless raised",
		}
	case ServiceFault:
		return traits{
			name:   "service fault",
			outage: true,
			detail: "IAM Roles Anywhere has a fault of its own; send again later",
			check:  "the health of AWS in the anchor's region",
		}
	case Connection:
		return traits{
			name:   "no answer",
			outage: true,
			detail: "IAM Roles Anywhere does not answer; the network between the bridge and AWS, or AWS, is interrupted",
			check:  "network, DNS, proxy and firewall between this host and the endpoint",
		}
	case Malformed:
		return traits{
			name:   "malformed answer",
			outage: true,
			detail: "IAM Roles Anywhere answered without usable credentials; send again later",
			check:  "whether something between this host and AWS changes answers",
		}
	case NotAWS:
		return traits{
			name:   "not an AWS answer",
			detail: "something other than AWS answers in the place of IAM Roles Anywhere; correct the proxy or the configured endpoint",
			check:  "the endpoint, and proxies between this host and AWS",
		}
	case NoIdentity:
		return traits{
			name:   "no identity",
			outage: true,
			detail: "there is no certificate to sign in to AWS with; an operator finds the reason in the log of the bridge",
			check:  "the source of the certificate",
		}
	case SessionRejected:
		return traits{
			name:   "session rejected",
			outage: true,
			detail: "AWS does not accept a session that it has just handed out; send again later",
			check:  "whether someone revokes the role's sessions",
		}
	case Closed:
		return traits{
			name:   "closed",
			outage: true,
			detail: "the bridge is shutting down; send again later",
			check:  "nothing: this process is ending",
		}
	}
	return traits{name: "unknown kind", detail: "the sign-in to AWS failed; an operator finds the reason in the log of the bridge"}
}

// String is the kind's name in logs.
func (k Kind) String() string { return k.traits().name }
