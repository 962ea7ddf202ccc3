package aws

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// anchorProperties are those of AWS::RolesAnywhere::TrustAnchor and the members of CreateTrustAnchor.
type anchorProperties struct {
	Name                 string               `json:",omitempty"`
	Enabled              *flag                `json:",omitempty"`
	Source               *anchorSource        `json:",omitempty"`
	NotificationSettings []anchorNotification `json:",omitempty"`
}

type anchorSource struct {
	SourceType string
	SourceData struct {
		X509CertificateData string
	}
}

// anchorNotification says when Roles Anywhere tells of the end of certificates.
// Source: https://docs.aws.amazon.com/rolesanywhere/latest/userguide/customize-notification-settings.html
type anchorNotification struct {
	Event     string
	Enabled   flag
	Channel   string  `json:",omitempty"`
	Threshold *number `json:",omitempty"` // days
}

func (n anchorNotification) check() error {
	switch {
	case n.Event != "CA_CERTIFICATE_EXPIRY" && n.Event != "END_ENTITY_CERTIFICATE_EXPIRY":
		return fmt.Errorf("notification event %q is none", n.Event)
	case n.Channel != "" && n.Channel != "ALL":
		return fmt.Errorf("notification channel %q is not here; ALL is", n.Channel)
	case n.Threshold == nil || *n.Threshold < 1 || *n.Threshold > 360:
		return fmt.Errorf("a notification's threshold must be from 1 to 360 days")
	}
	return nil
}

// certificates are those of the bundle.
func (a anchorSource) certificates() ([]*x509.Certificate, error) {
	if a.SourceType != "CERTIFICATE_BUNDLE" {
		return nil, fmt.Errorf("source type %q is not here; CERTIFICATE_BUNDLE is", a.SourceType)
	}
	var out []*x509.Certificate
	rest := []byte(a.SourceData.X509CertificateData)
	for {
		block, after := pem.Decode(rest)
		if block == nil {
			break
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil || block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("the bundle holds what is no certificate")
		}
		out, rest = append(out, certificate), after
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("the bundle holds what is no PEM")
	}
	return out, nil
}

// makeAnchor makes a trust anchor, or nothing.
func (s *Server) makeAnchor(p anchorProperties) (string, error) {
	if p.Source == nil {
		return "", fmt.Errorf("a source must be there")
	}
	certificates, err := p.Source.certificates()
	if err != nil {
		return "", err
	}
	if err := checkNotifications(p.NotificationSettings); err != nil {
		return "", err
	}
	arn, err := s.CreateTrustAnchor(p.Name, certificates...)
	if err != nil {
		return "", err
	}
	return arn, s.onAnchor(arn, func(a *anchor) {
		a.disabled = !p.Enabled.on(false) // as AWS has it where nothing is said
		a.notifications = p.NotificationSettings
	})
}

func checkNotifications(list []anchorNotification) error {
	for _, n := range list {
		if err := n.check(); err != nil {
			return err
		}
	}
	return nil
}

// profileProperties are those of AWS::RolesAnywhere::Profile and the members of CreateProfile.
type profileProperties struct {
	Name            string   `json:",omitempty"`
	Enabled         *flag    `json:",omitempty"`
	DurationSeconds *number  `json:",omitempty"`
	RoleArns        []string `json:",omitempty"`
}

func (p profileProperties) options() ProfileOptions {
	o := ProfileOptions{Roles: p.RoleArns, Disabled: !p.Enabled.on(false)}
	if p.DurationSeconds != nil {
		o.Duration = time.Duration(*p.DurationSeconds) * time.Second
	}
	return o
}

// trustControl answers a request of the control plane of Roles Anywhere.
// Source: https://docs.aws.amazon.com/rolesanywhere/latest/APIReference/API_Operations.html
func (s *Server) trustControl(c *call) *answer {
	if r := s.administer(c, "rolesanywhere:"+c.claim.Action, s.arn(serviceRolesAnywhere, "*")); r != nil {
		return s.refuse(c, r)
	}
	kind, id, _ := strings.Cut(strings.TrimPrefix(c.URL.Path, "/"), "/")
	for name := range c.URL.Query() {
		return s.refuse(c, trustInvalid("the query parameter "+name+" is not here"))
	}
	var result any
	var err error
	status := http.StatusOK
	switch c.Method + " " + kind {
	case "POST trustanchors":
		result, err = s.createAnchor(c)
		status = http.StatusCreated
	case "POST profiles":
		result, err = s.createProfile(c)
		status = http.StatusCreated
	case "GET trustanchors":
		result = map[string]any{"trustAnchors": s.shownAnchors()}
	case "GET profiles":
		result = map[string]any{"profiles": s.shownProfiles()}
	case "PATCH put-notifications-settings":
		result, err = s.putNotifications(c)
	case "GET trustanchor", "PATCH trustanchor", "DELETE trustanchor":
		arn := s.arn(serviceRolesAnywhere, "trust-anchor/"+id)
		shown := s.shownAnchor(arn)
		if shown == nil {
			return s.refuse(c, trustMissing("trust anchor", id))
		}
		switch c.Method {
		case http.MethodPatch:
			shown, err = s.updateAnchor(c, arn)
		case http.MethodDelete:
			err = s.DeleteTrustAnchor(arn)
		}
		result = map[string]any{"trustAnchor": shown}
	case "GET profile", "PATCH profile", "DELETE profile":
		arn := s.arn(serviceRolesAnywhere, "profile/"+id)
		shown := s.shownProfile(arn)
		if shown == nil {
			return s.refuse(c, trustMissing("profile", id))
		}
		switch c.Method {
		case http.MethodPatch:
			shown, err = s.updateProfile(c, arn)
		case http.MethodDelete:
			err = s.DeleteProfile(arn)
		}
		result = map[string]any{"profile": shown}
	default:
		return s.refuse(c, &refusal{status: http.StatusNotFound, code: "UnknownOperationException", text: "stand-in: no such operation is here"})
	}
	if err != nil {
		return s.refuse(c, trustInvalid(err.Error()))
	}
	c.effect = "set up: " + c.claim.Action
	return &answer{status: status, contentType: contentJSON, header: make(http.Header), body: marshalJSON(result)}
}

func trustInvalid(text string) *refusal {
	return &refusal{status: http.StatusBadRequest, code: validation, text: "stand-in: " + text}
}

func trustMissing(kind, id string) *refusal {
	return &refusal{status: http.StatusNotFound, code: "ResourceNotFoundException", text: "stand-in: there is no " + kind + " " + id}
}

func (s *Server) createAnchor(c *call) (any, error) {
	var p anchorProperties
	if err := decodeMembers(c.body, &p); err != nil {
		return nil, err
	}
	arn, err := s.makeAnchor(p)
	return map[string]any{"trustAnchor": s.shownAnchor(arn)}, err
}

// updateAnchor replaces the certificates of a trust anchor.
func (s *Server) updateAnchor(c *call, arn string) (map[string]any, error) {
	var p anchorProperties
	if err := decodeMembers(c.body, &p); err != nil {
		return nil, err
	}
	if p.Source == nil || p.Name != "" || p.Enabled != nil || p.NotificationSettings != nil {
		return nil, fmt.Errorf("only the source can be updated here")
	}
	certificates, err := p.Source.certificates()
	if err == nil {
		err = s.UpdateTrustAnchor(arn, certificates...)
	}
	return s.shownAnchor(arn), err
}

func (s *Server) putNotifications(c *call) (any, error) {
	var p struct {
		TrustAnchorID        string `json:"trustAnchorId"`
		NotificationSettings []anchorNotification
	}
	if err := decodeMembers(c.body, &p); err != nil {
		return nil, err
	}
	if err := checkNotifications(p.NotificationSettings); err != nil {
		return nil, err
	}
	arn := s.arn(serviceRolesAnywhere, "trust-anchor/"+p.TrustAnchorID)
	err := s.onAnchor(arn, func(a *anchor) { a.notifications = p.NotificationSettings })
	return map[string]any{"trustAnchor": s.shownAnchor(arn)}, err
}

func (s *Server) createProfile(c *call) (any, error) {
	var p profileProperties
	if err := decodeMembers(c.body, &p); err != nil {
		return nil, err
	}
	arn, err := s.CreateProfile(p.Name, p.options())
	return map[string]any{"profile": s.shownProfile(arn)}, err
}

func (s *Server) updateProfile(c *call, arn string) (map[string]any, error) {
	var p profileProperties
	if err := decodeMembers(c.body, &p); err != nil {
		return nil, err
	}
	if p.Name != "" || p.Enabled != nil {
		return nil, fmt.Errorf("only the roles and the duration can be updated here")
	}
	s.mu.RLock()
	o := s.profiles[arn].ProfileOptions // it was there, and only set-up removes profiles
	s.mu.RUnlock()
	if p.RoleArns != nil {
		o.Roles = p.RoleArns
	}
	if p.DurationSeconds != nil {
		o.Duration = p.options().Duration
	}
	err := s.UpdateProfile(arn, o)
	return s.shownProfile(arn), err
}

// shownAnchor is a trust anchor as the API shows it, nil if there is none.
func (s *Server) shownAnchor(arn string) map[string]any {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a := s.anchors[arn]
	if a == nil {
		return nil
	}
	var bundle strings.Builder
	for _, c := range a.certificates {
		bundle.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	settings := []map[string]any{}
	for _, n := range a.notifications {
		settings = append(settings, map[string]any{"event": n.Event, "enabled": n.Enabled, "channel": n.Channel, "threshold": n.Threshold, "configuredBy": s.config.Account})
	}
	return map[string]any{
		"trustAnchorArn": arn, "trustAnchorId": arn[strings.LastIndex(arn, "/")+1:], "name": a.name, "enabled": !a.disabled,
		"source":               map[string]any{"sourceType": "CERTIFICATE_BUNDLE", "sourceData": map[string]string{"x509CertificateData": bundle.String()}},
		"notificationSettings": settings,
	}
}

func (s *Server) shownAnchors() []map[string]any {
	s.mu.RLock()
	arns := slices.Sorted(maps.Keys(s.anchors))
	s.mu.RUnlock()
	out := []map[string]any{}
	for _, arn := range arns {
		out = append(out, s.shownAnchor(arn))
	}
	return out
}

// shownProfile is a profile as the API shows it, nil if there is none.
func (s *Server) shownProfile(arn string) map[string]any {
	s.mu.RLock()
	defer s.mu.RUnlock()
	p := s.profiles[arn]
	if p == nil {
		return nil
	}
	return map[string]any{
		"profileArn": arn, "profileId": arn[strings.LastIndex(arn, "/")+1:], "name": p.name, "enabled": !p.Disabled,
		"roleArns": p.Roles, "durationSeconds": int(p.Duration / time.Second), "acceptRoleSessionName": p.AcceptRoleSessionName,
	}
}

func (s *Server) shownProfiles() []map[string]any {
	s.mu.RLock()
	arns := slices.Sorted(maps.Keys(s.profiles))
	s.mu.RUnlock()
	out := []map[string]any{}
	for _, arn := range arns {
		out = append(out, s.shownProfile(arn))
	}
	return out
}
