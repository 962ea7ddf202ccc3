package aws

import (
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// iamVersion is the only API version, iamRegion the region that its requests are signed for, whatever theirs.
// Source: https://docs.aws.amazon.com/general/latest/gr/iam-service.html
const (
	iamVersion   = "2010-05-08"
	iamNamespace = "https://iam.amazonaws.com/doc/2010-05-08/"
	iamRegion    = "us-east-1"
)

// xmlRole is a role in IAM's answers.
type xmlRole struct {
	Path, RoleName           string
	RoleID                   string `xml:"RoleId"`
	Arn, CreateDate          string
	AssumeRolePolicyDocument string
	MaxSessionDuration       int
}

func (r *role) shown() any {
	return struct{ Role xmlRole }{xmlRole{
		Path: r.path(), RoleName: r.name(), RoleID: r.id, Arn: r.arn, CreateDate: "2026-01-01T00:00:00Z",
		AssumeRolePolicyDocument: url.QueryEscape(r.trustText), MaxSessionDuration: int(r.maxSession / time.Second),
	}}
}

// iamAction is an action of IAM: its parameters besides RoleName, and how it runs on the role of that name, nil if there is none.
type iamAction struct {
	parameters []string
	run        func(*call, *role) (any, error)
}

func (s *Server) iamAction(name string) (iamAction, bool) {
	switch name {
	case "CreateRole":
		return iamAction{[]string{"Path", "AssumeRolePolicyDocument", "MaxSessionDuration", "Description"}, s.iamCreateRole}, true
	case "GetRole":
		return iamAction{nil, func(_ *call, r *role) (any, error) { return r.shown(), nil }}, true
	case "UpdateAssumeRolePolicy":
		return iamAction{[]string{"PolicyDocument"}, func(c *call, r *role) (any, error) {
			return nil, s.UpdateTrustPolicy(r.arn, c.form.text("PolicyDocument"))
		}}, true
	case "PutRolePolicy":
		return iamAction{[]string{"PolicyName", "PolicyDocument"}, func(c *call, r *role) (any, error) {
			return nil, s.PutRolePolicy(r.arn, c.form.text("PolicyName"), c.form.text("PolicyDocument"))
		}}, true
	case "GetRolePolicy":
		return iamAction{[]string{"PolicyName"}, s.iamGetRolePolicy}, true
	case "ListRolePolicies":
		return iamAction{nil, s.iamListRolePolicies}, true
	case "DeleteRolePolicy":
		return iamAction{[]string{"PolicyName"}, func(c *call, r *role) (any, error) {
			return nil, s.DeleteRolePolicy(r.arn, c.form.text("PolicyName"))
		}}, true
	case "DeleteRole":
		return iamAction{nil, func(_ *call, r *role) (any, error) { return nil, s.iamDeleteRole(r) }}, true
	}
	return iamAction{}, false
}

// iam answers a request that was signed for IAM.
func (s *Server) iam(c *call) *answer {
	if r := c.checkQuery(iamVersion); r != nil {
		return s.refuse(c, r)
	}
	action, known := s.iamAction(c.claim.Action)
	if !known {
		return s.refuse(c, queryRefusal("InvalidAction", "stand-in: action "+c.claim.Action+" is not here"))
	}
	name := c.form.text("RoleName")
	if r := s.administer(c, "iam:"+c.claim.Action, name); r != nil {
		return s.refuse(c, r)
	}
	for parameter := range c.form.values {
		if !slices.Contains(append([]string{"Action", "Version", "RoleName"}, action.parameters...), parameter) {
			return s.refuse(c, queryRefusal("ValidationError", "stand-in: parameter "+parameter+" of "+c.claim.Action+" is not here"))
		}
	}
	s.mu.RLock()
	r := s.roleNamed(name)
	s.mu.RUnlock()
	switch {
	case r == nil && c.claim.Action != "CreateRole":
		return s.refuse(c, noSuchEntity("The role with name "+name+" cannot be found."))
	case r != nil && c.claim.Action == "CreateRole":
		return s.refuse(c, &refusal{status: http.StatusConflict, code: "EntityAlreadyExists", text: "Role with name " + name + " already exists."})
	}
	result, err := action.run(c, r)
	switch {
	case err != nil && result != nil:
		return s.refuse(c, noSuchEntity(err.Error()))
	case err != nil:
		return s.refuse(c, queryRefusal("MalformedPolicyDocument", "stand-in: "+err.Error()))
	}
	c.effect = "role: " + c.claim.Action
	return xmlAnswer(c, result)
}

func noSuchEntity(text string) *refusal {
	return &refusal{status: http.StatusNotFound, code: "NoSuchEntity", text: text}
}

func (s *Server) iamCreateRole(c *call, _ *role) (any, error) {
	path, lasts := c.form.text("Path"), durationDefault
	if path == "" {
		path = "/"
	}
	if text := c.form.text("MaxSessionDuration"); text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("MaxSessionDuration must be seconds")
		}
		lasts = time.Duration(seconds) * time.Second
	}
	if path[0] != '/' || path[len(path)-1] != '/' {
		return nil, fmt.Errorf("a path must begin and end with a slash")
	}
	arn, err := s.makeRole(path[1:]+c.form.text("RoleName"), c.form.text("AssumeRolePolicyDocument"), lasts, nil)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.roles[arn].shown(), nil
}

// iamGetRolePolicy answers also with an error that says that there is no such policy.
func (s *Server) iamGetRolePolicy(c *call, r *role) (any, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	name := c.form.text("PolicyName")
	out := struct{ RoleName, PolicyName, PolicyDocument string }{r.name(), name, url.QueryEscape(r.texts[name])}
	if r.texts[name] == "" {
		return out, errors.New("stand-in: the role policy with name " + name + " cannot be found")
	}
	return out, nil
}

func (s *Server) iamListRolePolicies(_ *call, r *role) (any, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	type members struct {
		XMLName xml.Name `xml:"PolicyNames"`
		Names   []string `xml:"member"`
	}
	return struct {
		PolicyNames members
		IsTruncated bool
	}{members{Names: slices.Sorted(maps.Keys(r.texts))}, false}, nil
}

func (s *Server) iamDeleteRole(r *role) error {
	s.mu.RLock()
	policies := len(r.policies)
	s.mu.RUnlock()
	if policies > 0 {
		return fmt.Errorf("it has policies; delete these first")
	}
	return s.DeleteRole(r.arn)
}
