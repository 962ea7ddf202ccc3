package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/strictjson"
)

// TrustService is the only principal a trust policy may name.
const TrustService = "rolesanywhere.amazonaws.com"

// The actions a trust policy of Roles Anywhere grants.
// Source: https://docs.aws.amazon.com/rolesanywhere/latest/userguide/trust-model.html
const (
	ActionAssumeRole        = "sts:AssumeRole"
	ActionTagSession        = "sts:TagSession"
	ActionSetSourceIdentity = "sts:SetSourceIdentity"
)

// version is the only language version taken; the older one has no variables and is the default where none is written,
// so a policy must write it.
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
const version = "2012-10-17"

// Document is a policy that was read. The zero value says nothing about any request. It is immutable.
type Document struct {
	statements []statement
}

type statement struct {
	deny        bool
	actions     []string // :: patterns, lower case
	notAction   bool
	resources   []resource
	notResource bool
	anyResource bool // a trust policy's statement names no resource
	conditions  []condition
}

// ParseTrust reads a trust policy: statements with Effect, Principal, Action and Condition. Errors name the element that
// is wrong or not evaluated.
func ParseTrust(text string) (Document, error) {
	return parse("trust policy", text, trustStatement)
}

// ParseIdentity reads an identity or session policy: statements with Effect, Action or NotAction, Resource or
// NotResource, and Condition. Errors name the element that is wrong or not evaluated.
func ParseIdentity(text string) (Document, error) {
	return parse("policy", text, identityStatement)
}

func parse(what, text string, one func(object) (statement, error)) (Document, error) {
	root, err := decode(text)
	if err != nil {
		return Document{}, fmt.Errorf("read %s: %w", what, err)
	}
	top, ok := objectOf(root)
	if !ok {
		return Document{}, fmt.Errorf("read %s: it must be a JSON object", what)
	}
	if err := top.only("Version", "Id", "Statement"); err != nil {
		return Document{}, fmt.Errorf("read %s: %w", what, err)
	}
	if v, ok := top["Version"].(string); !ok || v != version {
		return Document{}, fmt.Errorf("read %s: Version must be %q", what, version)
	}
	if id, there := top["Id"]; there {
		if _, ok := id.(string); !ok {
			return Document{}, fmt.Errorf("read %s: Id must be a string", what)
		}
	}
	var list []any
	switch s := top["Statement"].(type) {
	case strictjson.Object:
		list = []any{s}
	case []any:
		list = s
	}
	if len(list) == 0 {
		return Document{}, fmt.Errorf("read %s: Statement must be an object or a list of at least one", what)
	}
	var d Document
	for i, item := range list {
		o, ok := objectOf(item)
		if !ok {
			return Document{}, fmt.Errorf("read %s: statement %d: it must be an object", what, i+1)
		}
		s, err := one(o)
		if err != nil {
			return Document{}, fmt.Errorf("read %s: statement %d: %w", what, i+1, err)
		}
		d.statements = append(d.statements, s)
	}
	return d, nil
}

func trustStatement(o object) (statement, error) {
	if err := o.only("Sid", "Effect", "Principal", "Action", "Condition"); err != nil {
		return statement{}, err
	}
	s := statement{anyResource: true}
	var err error
	if s.deny, err = effect(o); err != nil {
		return statement{}, err
	}
	if err := principal(o, TrustService); err != nil {
		return statement{}, err
	}
	actions, err := o.strings("Action")
	if err != nil {
		return statement{}, err
	}
	known := []string{strings.ToLower(ActionAssumeRole), strings.ToLower(ActionTagSession), strings.ToLower(ActionSetSourceIdentity)}
	for _, action := range actions {
		if !slices.Contains(known, strings.ToLower(action)) {
			return statement{}, fmt.Errorf("action %q is not evaluated; only %s, %s and %s are",
				action, ActionAssumeRole, ActionTagSession, ActionSetSourceIdentity)
		}
	}
	s.actions = lower(actions)
	s.conditions, err = conditions(o, trustOperator, "aws:SourceArn", "aws:SourceAccount", "sts:SourceIdentity", "sts:RoleSessionName")
	return s, err
}

func identityStatement(o object) (statement, error) {
	if err := o.only("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"); err != nil {
		return statement{}, err
	}
	var s statement
	var err error
	if s.deny, err = effect(o); err != nil {
		return statement{}, err
	}
	name, err := o.oneOf("Action", "NotAction")
	if err != nil {
		return statement{}, err
	}
	s.notAction = name == "NotAction"
	if err := s.readActions(o, name); err != nil {
		return statement{}, err
	}
	if name, err = o.oneOf("Resource", "NotResource"); err != nil {
		return statement{}, err
	}
	s.notResource = name == "NotResource"
	if err := s.readResources(o, name); err != nil {
		return statement{}, err
	}
	s.conditions, err = conditions(o, identityOperator, "aws:PrincipalArn", "aws:PrincipalAccount", "aws:RequestedRegion",
		"aws:SecureTransport", "aws:CurrentTime", "aws:TokenIssueTime", "dynamodb:EnclosingOperation", leadingKeys)
	return s, err
}

func effect(o object) (deny bool, err error) {
	if sid, there := o["Sid"]; there {
		if _, ok := sid.(string); !ok {
			return false, fmt.Errorf(`element "Sid" must be a string`)
		}
	}
	switch o["Effect"] {
	case "Allow":
		return false, nil
	case "Deny":
		return true, nil
	}
	return false, fmt.Errorf(`element "Effect" must be "Allow" or "Deny"`)
}

func lower(texts []string) []string {
	var out []string
	for _, text := range texts {
		out = append(out, strings.ToLower(text))
	}
	return out
}

// checkAction refuses what is neither * nor service:Name with wildcards in the name.
func checkAction(action string) error {
	if action == "*" {
		return nil
	}
	service, name, found := strings.Cut(action, ":")
	if !found || service == "" || name == "" || !only(service, "-") || !only(name, "*?") {
		return fmt.Errorf("action %q must be * or service:Name", action)
	}
	return nil
}

// only tells whether s holds nothing but ASCII letters, digits and the extra characters.
func only(s, extra string) bool {
	for _, c := range s {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && !strings.ContainsRune(extra, c) {
			return false
		}
	}
	return true
}
