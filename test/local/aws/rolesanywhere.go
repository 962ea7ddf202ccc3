package aws

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/policy"
	"github.com/trustbridge/trustbridge/test/local/aws/internal/x509auth"
)

const (
	// chainMax is how many certificates the chain header may hold.
	// Source: https://docs.aws.amazon.com/rolesanywhere/latest/userguide/authentication-sign-process.html
	chainMax = 5
	arnMax   = 1011

	accessDenied = "AccessDeniedException"
	validation   = "ValidationException"
)

// The forms that CreateSession takes.
var (
	anchorARNPattern   = regexp.MustCompile(`^arn:aws(-[a-z-]+)?:rolesanywhere:[a-z0-9-]+:\d{12}:trust-anchor/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	profileARNPattern  = regexp.MustCompile(`^arn:aws(-[a-z-]+)?:rolesanywhere:[a-z0-9-]+:\d{12}:profile/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	roleARNPattern     = regexp.MustCompile(`^arn:aws(-[a-z-]+)?:iam::\d{12}:role/([\x21-\x7e]+/)?[A-Za-z0-9_+=,.@-]{1,64}$`)
	sessionNamePattern = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{2,64}$`)
)

// members are what a CreateSession asks for.
type members struct {
	DurationSeconds *int64  `json:"durationSeconds"`
	ProfileARN      string  `json:"profileArn"`
	RoleARN         string  `json:"roleArn"`
	RoleSessionName *string `json:"roleSessionName"`
	TrustAnchorARN  string  `json:"trustAnchorArn"`
}

// refuseSession is a refusal of CreateSession; reason is for the log.
func refuseSession(status int, code, text, reason string) (*refusal, string) {
	return &refusal{status: status, code: code, text: text}, reason
}

// rolesAnywhere answers CreateSession.
func (s *Server) rolesAnywhere(c *call) *answer {
	if !s.rate.allow(c.started, s.config.SessionsPerSecond) {
		return s.refuse(c, &refusal{status: http.StatusTooManyRequests, code: "ThrottlingException", text: "Rate exceeded"})
	}
	verifier := x509auth.Verifier{Region: s.config.Region, Window: s.config.ClockWindow}
	leaf, err := verifier.Verify(c.Request, c.body, c.started)
	if err != nil {
		c.reason = err.Error()
		text := "Invalid signature"
		if errors.Is(err, x509auth.ErrForm) {
			text = "stand-in: " + err.Error()
		}
		return s.refuse(c, &refusal{status: http.StatusForbidden, code: accessDenied, text: text})
	}
	c.service = serviceRolesAnywhere
	c.identity = &identity{arn: leaf.Subject.String()}
	m, r := readMembers(c)
	if r != nil {
		return s.refuse(c, r)
	}
	who, lifetime, r, reason := s.admit(c, leaf, m)
	if r != nil {
		c.reason = reason
		return s.refuse(c, r)
	}
	return s.createSession(c, leaf, who, lifetime)
}

// admit decides whether the certificate may have the session it asks for: rows 8 to 17 of the order of checks, which is
// documented for the signature alone.
func (s *Server) admit(c *call, leaf *x509.Certificate, m members) (*identity, time.Duration, *refusal, string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if r, reason := s.trustCertificate(c, leaf, m); r != nil {
		return nil, 0, r, reason
	}
	p := s.profiles[m.ProfileARN]
	if p == nil || p.Disabled || len(p.Roles) == 0 {
		r, reason := refuseSession(http.StatusForbidden, accessDenied, "Invalid or empty profile provided.", "profile is unknown, disabled or without roles")
		return nil, 0, r, reason
	}
	if !slices.Contains(p.Roles, m.RoleARN) {
		r, reason := refuseSession(http.StatusForbidden, accessDenied, "Requested Role isn't one of those listed in the Profile.", "")
		return nil, 0, r, reason
	}
	if m.RoleSessionName != nil && !p.AcceptRoleSessionName {
		r, reason := refuseSession(http.StatusForbidden, accessDenied, "Not authorized to set roleSessionName", "")
		return nil, 0, r, reason
	}
	who, lifetime, err := s.assume(leaf, m, p)
	if err != nil {
		text := "Unable to assume role for " + m.RoleARN
		var sentence sentenceError
		if errors.As(err, &sentence) && sentence != "" {
			text += ". " + string(sentence)
		}
		r, reason := refuseSession(http.StatusForbidden, accessDenied, text, err.Error())
		return nil, 0, r, reason
	}
	return who, lifetime, nil, ""
}

// trustCertificate is rows 8 to 12: the anchor, the leaf and the path between them. The caller holds mu.
func (s *Server) trustCertificate(c *call, leaf *x509.Certificate, m members) (*refusal, string) {
	a := s.anchors[m.TrustAnchorARN]
	if a == nil {
		return refuseSession(http.StatusNotFound, "ResourceNotFoundException", "Specified Trust Anchor wasn't found.", "")
	}
	if a.disabled {
		return refuseSession(http.StatusForbidden, accessDenied, "Specified Trust Anchor is disabled.", "")
	}
	header := c.Header.Get("X-Amz-X509-Chain")
	if n := strings.Count(header, ",") + 1; n > chainMax {
		return refuseSession(http.StatusBadRequest, validation,
			fmt.Sprintf("stand-in: the chain has %d certificates, more than %d", n, chainMax), "")
	}
	chain, err := x509auth.ParseChain(header)
	if err != nil {
		return refuseSession(http.StatusBadRequest, validation, "stand-in: the chain cannot be read", err.Error())
	}
	if err := x509auth.CheckLeaf(leaf, s.config.RequireClientAuth); err != nil {
		return refuseSession(http.StatusForbidden, accessDenied, "Untrusted certificate. Insufficient certificate", err.Error())
	}
	path, err := x509auth.FindPath(leaf, chain, a.certificates, c.started)
	if errors.Is(err, x509auth.ErrValidity) {
		return refuseSession(http.StatusForbidden, accessDenied, "stand-in: a certificate has expired or is not yet valid", err.Error())
	}
	if err != nil {
		return refuseSession(http.StatusForbidden, accessDenied, "Untrusted signing certificate", err.Error())
	}
	for _, cert := range path[:len(path)-1] {
		if a.revoked[revocationKey(cert)] {
			return refuseSession(http.StatusForbidden, accessDenied, "stand-in: certificate is revoked", cert.Subject.String())
		}
	}
	return nil, ""
}

// sentenceError is the sentence that follows "Unable to assume role for ARN"; "" means none.
type sentenceError string

func (e sentenceError) Error() string { return "assume role: " + string(e) }

// assume is rows 16 and 17: the session's length and the role's trust policy. The caller holds mu.
func (s *Server) assume(leaf *x509.Certificate, m members, p *profile) (*identity, time.Duration, error) {
	r := s.roles[m.RoleARN]
	if r == nil {
		return nil, 0, fmt.Errorf("assume role: it does not exist")
	}
	lifetime := p.Duration
	if m.DurationSeconds != nil {
		lifetime = min(lifetime, time.Duration(*m.DurationSeconds)*time.Second)
	}
	if lifetime > r.maxSession {
		return nil, 0, sentenceError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	tags, err := x509auth.Subject(leaf)
	if err != nil {
		return nil, 0, fmt.Errorf("assume role: %w", err)
	}
	name := x509auth.SessionName(leaf)
	if m.RoleSessionName != nil {
		name = *m.RoleSessionName
	}
	who := &identity{session: session{
		roleARN: m.RoleARN, roleID: r.id, issued: s.now(), name: name, sourceIdentity: x509auth.SourceIdentity(leaf), tags: tags.Values, boundary: p.boundary,
	}}
	short := m.RoleARN[strings.LastIndex(m.RoleARN, "/")+1:]
	who.arn = fmt.Sprintf("arn:%s:sts::%s:assumed-role/%s/%s", s.config.Partition, s.config.Account, short, name)
	var keys policy.Keys
	keys.Set("aws:SourceArn", m.TrustAnchorARN)
	keys.Set("aws:SourceAccount", s.config.Account)
	keys.Set("sts:SourceIdentity", who.sourceIdentity)
	keys.Set("sts:RoleSessionName", name)
	keys.SetTags(tags.Values)
	for _, action := range []string{policy.ActionAssumeRole, policy.ActionTagSession, policy.ActionSetSourceIdentity} {
		if verdict := r.trust.Evaluate(policy.Request{Action: action, Resource: m.RoleARN, Keys: keys}); verdict != policy.Allow {
			if tags.Dropped() {
				return nil, 0, fmt.Errorf("trust policy says %v to %s: %w", verdict, action, droppedSentence(tags))
			}
			return nil, 0, fmt.Errorf("trust policy says %v to %s", verdict, action)
		}
	}
	return who, lifetime, nil
}

// droppedSentence names the attributes that no session tag can hold, in the form observed in
// https://github.com/aws/rolesanywhere-credential-helper/issues/77
func droppedSentence(t x509auth.Tags) sentenceError {
	list := func(names []string) string { return "[ " + strings.Join(names, ", ") + " ]" }
	return sentenceError(fmt.Sprintf("Some attributes failed to be mapped into session tags. Issuer: %s; Subject: %s; SAN: %s",
		list(t.Issuer), list(t.Subject), list(t.SAN)))
}

// createSession gives out a session.
func (s *Server) createSession(c *call, leaf *x509.Certificate, who *identity, lifetime time.Duration) *answer {
	issue := s.issueFault(c)
	if issue.lifetime != 0 {
		lifetime = issue.lifetime
	}
	expires := c.started.Add(lifetime).UTC().Truncate(time.Second)
	keys := s.keys.add(who, c.started, expires)
	c.effect = "session created for " + who.arn
	s.mu.RLock()
	var id string
	if r := s.roles[who.roleARN]; r != nil {
		id = r.id
	}
	s.mu.RUnlock()
	set := map[string]any{
		"assumedRoleUser":  map[string]string{"arn": who.arn, "assumedRoleId": id + ":" + who.name},
		"packedPolicySize": 10,
		"roleArn":          who.roleARN,
		"sourceIdentity":   who.sourceIdentity,
		"credentials": map[string]string{
			"accessKeyId": keys.AccessKeyID, "secretAccessKey": keys.SecretAccessKey, "sessionToken": keys.SessionToken,
			"expiration": expires.Format(time.RFC3339),
		},
	}
	if issue.noCredentials {
		delete(set, "credentials")
	}
	sets := []any{set}
	if issue.noSet {
		sets = []any{}
	}
	subject := uuid.NewSHA1(uuid.NameSpaceX500, leaf.RawSubject).String()
	body := map[string]any{"credentialSet": sets, "subjectArn": s.arn(serviceRolesAnywhere, "subject/"+subject)}
	return &answer{status: http.StatusCreated, contentType: contentJSON, body: marshalJSON(body)}
}

// readMembers is row 7: the ARNs from query or body, the rest from the body.
func readMembers(c *call) (members, *refusal) {
	invalid := func(format string, args ...any) (members, *refusal) {
		return members{}, &refusal{status: http.StatusBadRequest, code: validation, text: fmt.Sprintf(format, args...)}
	}
	const detected = "1 validation error detected: Value %s at '%s' failed to satisfy constraint: %s"
	var m members
	if len(c.body) > 0 {
		media, _, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
		if err != nil || media != contentJSON && !strings.HasPrefix(media, "application/x-amz-json-") && !strings.HasSuffix(media, "+json") {
			return invalid("stand-in: the content type of a body must be a JSON one")
		}
		if err := json.Unmarshal(c.body, &m); err != nil {
			return invalid("stand-in: the body is not a JSON object of the known members' types")
		}
	}
	query := c.URL.Query()
	for _, f := range []struct {
		name    string
		value   *string
		pattern *regexp.Regexp
	}{
		{"profileArn", &m.ProfileARN, profileARNPattern},
		{"roleArn", &m.RoleARN, roleARNPattern},
		{"trustAnchorArn", &m.TrustAnchorARN, anchorARNPattern},
	} {
		for _, value := range query[f.name] {
			if *f.value != "" && *f.value != value {
				return invalid("stand-in: %s has two different values", f.name)
			}
			*f.value = value
		}
		switch {
		case *f.value == "":
			return invalid(detected, "null", f.name, "Member must not be null")
		case len(*f.value) > arnMax:
			return invalid(detected, "'"+*f.value+"'", f.name, fmt.Sprintf("Member must have length less than or equal to %d", arnMax))
		case !f.pattern.MatchString(*f.value):
			return invalid(detected, "'"+*f.value+"'", f.name, "Member must satisfy regular expression pattern: "+f.pattern.String())
		}
	}
	if d := m.DurationSeconds; d != nil {
		least, most := int64(durationMin/time.Second), int64(durationMax/time.Second)
		if *d < least {
			return invalid(detected, fmt.Sprintf("'%d'", *d), "durationSeconds", fmt.Sprintf("Member must have value greater than or equal to %d", least))
		}
		if *d > most {
			return invalid(detected, fmt.Sprintf("'%d'", *d), "durationSeconds", fmt.Sprintf("Member must have value less than or equal to %d", most))
		}
	}
	if name := m.RoleSessionName; name != nil && !sessionNamePattern.MatchString(*name) {
		return invalid(detected, "'"+*name+"'", "roleSessionName", "Member must satisfy regular expression pattern: "+sessionNamePattern.String())
	}
	return m, nil
}
