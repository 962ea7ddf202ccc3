package template

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// bytesMax is the largest template that CloudFormation takes.
// Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const bytesMax = 1_000_000

// Role is an AWS::IAM::Role.
type Role struct {
	// ID is the resource's name in the template.
	ID string
	// Name is the role's with its path in front and no slash at the beginning, path/Name; without a RoleName it is ID.
	Name string
	// MaxSession is how long a session may last; an hour if the template does not say.
	MaxSession time.Duration
	// Trust is the trust policy, JSON.
	Trust string
	// Policies are the inline policies by name, JSON.
	Policies map[string]string
}

// Template is what a template says.
type Template struct {
	// Roles are the roles, sorted by ID.
	Roles []Role
	// Outputs are the values of the outputs by name.
	Outputs map[string]string
}

// Read reads a template. parameters are the values of its parameters; those without a default must be there. names are what
// resources become. Errors name what is wrong or not read.
func Read(r io.Reader, parameters map[string]string, names Names) (Template, error) {
	t, err := read(r, parameters, names)
	if err != nil {
		return Template{}, fmt.Errorf("read template: %w", err)
	}
	return t, nil
}

func read(r io.Reader, parameters map[string]string, names Names) (Template, error) {
	text, err := io.ReadAll(io.LimitReader(r, bytesMax+1))
	if err != nil {
		return Template{}, err
	}
	if len(text) > bytesMax {
		return Template{}, fmt.Errorf("it has more than %d bytes", bytesMax)
	}
	tree, err := decode(text)
	if err != nil {
		return Template{}, err
	}
	top, ok := tree.(object)
	if !ok {
		return Template{}, fmt.Errorf("it must be a mapping")
	}
	if err := top.only("the template", "AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Resources", "Outputs"); err != nil {
		return Template{}, err
	}
	e := evaluator{names: names}
	if err := e.readParameters(top, parameters); err != nil {
		return Template{}, err
	}
	if e.resources, err = readResources(top); err != nil {
		return Template{}, err
	}
	var t Template
	if t.Roles, err = e.roles(); err != nil {
		return Template{}, err
	}
	t.Outputs, err = e.outputs(top)
	return t, err
}

func readResources(top object) (map[string]resource, error) {
	list, err := top.part("the template", "Resources")
	if err != nil {
		return nil, err
	}
	resources := make(map[string]resource, len(list))
	for _, id := range sortedKeys(list) {
		what := "resource " + id
		o, ok := list[id].(object)
		if !ok {
			return nil, fmt.Errorf("%s must be a mapping", what)
		}
		if err := o.only(what, "Type", "Properties", "DependsOn", "Metadata", "DeletionPolicy", "UpdateReplacePolicy"); err != nil {
			return nil, err
		}
		kind, _ := o["Type"].(string)
		if !knownType(kind) {
			return nil, fmt.Errorf("%s: type %q is not read", what, kind)
		}
		properties, err := o.part(what, "Properties")
		if err != nil {
			return nil, err
		}
		resources[id] = resource{kind, properties}
	}
	return resources, nil
}

// roles are the roles with their policies.
func (e *evaluator) roles() ([]Role, error) {
	var roles []Role
	at := make(map[string]int) // :: a role's name as Ref gives it → its place
	for _, id := range slices.Sorted(maps.Keys(e.resources)) {
		if e.resources[id].kind != typeRole {
			continue
		}
		role, err := e.role(id)
		if err != nil {
			return nil, fmt.Errorf("resource %s: %w", id, err)
		}
		at[role.Name[strings.LastIndex(role.Name, "/")+1:]] = len(roles)
		roles = append(roles, role)
	}
	for _, id := range slices.Sorted(maps.Keys(e.resources)) {
		r := e.resources[id]
		if r.kind != typePolicy {
			continue
		}
		if err := e.attach(r.properties, roles, at); err != nil {
			return nil, fmt.Errorf("resource %s: %w", id, err)
		}
	}
	return roles, nil
}

func (e *evaluator) role(id string) (Role, error) {
	p := e.resources[id].properties
	if err := p.only(typeRole, "RoleName", "Path", "Description", "MaxSessionDuration", "AssumeRolePolicyDocument", "Policies", "Tags"); err != nil {
		return Role{}, err
	}
	role := Role{ID: id, MaxSession: time.Hour, Policies: make(map[string]string)}
	name, err := e.name(id)
	if err != nil {
		return Role{}, err
	}
	path, err := e.path(id)
	if err != nil {
		return Role{}, err
	}
	role.Name = strings.TrimPrefix(path, "/") + name
	if v, there := p["MaxSessionDuration"]; there {
		seconds, err := e.text(v)
		if err != nil {
			return Role{}, err
		}
		n, err := strconv.Atoi(seconds)
		if err != nil {
			return Role{}, fmt.Errorf("MaxSessionDuration must be seconds")
		}
		role.MaxSession = time.Duration(n) * time.Second
	}
	if role.Trust, err = e.document(p, "AssumeRolePolicyDocument"); err != nil {
		return Role{}, err
	}
	policies, ok := p["Policies"].([]any)
	if _, there := p["Policies"]; there && !ok {
		return Role{}, fmt.Errorf("list Policies must be a list")
	}
	for _, element := range policies {
		o, ok := element.(object)
		if !ok {
			return Role{}, fmt.Errorf("list Policies must hold mappings")
		}
		if err := o.only("Policies", "PolicyName", "PolicyDocument"); err != nil {
			return Role{}, err
		}
		if err := e.add(role.Policies, o); err != nil {
			return Role{}, err
		}
	}
	return role, nil
}

// attach gives an AWS::IAM::Policy to its roles.
func (e *evaluator) attach(p object, roles []Role, at map[string]int) error {
	if err := p.only(typePolicy, "PolicyName", "PolicyDocument", "Roles"); err != nil {
		return err
	}
	list, ok := p["Roles"].([]any)
	if !ok || len(list) == 0 {
		return fmt.Errorf("list Roles must name a role")
	}
	for _, element := range list {
		name, err := e.text(element)
		if err != nil {
			return err
		}
		i, found := at[name]
		if !found {
			return fmt.Errorf("role %q is not in this template", name)
		}
		if err := e.add(roles[i].Policies, p); err != nil {
			return err
		}
	}
	return nil
}

// add adds a policy by its name, which must be new.
func (e *evaluator) add(policies map[string]string, o object) error {
	name, err := e.text(o["PolicyName"])
	if err != nil {
		return fmt.Errorf("property PolicyName: %w", err)
	}
	if _, there := policies[name]; there || name == "" {
		return fmt.Errorf("property PolicyName: %q is empty or there twice", name)
	}
	policies[name], err = e.document(o, "PolicyDocument")
	return err
}

// document is a policy as JSON.
func (e *evaluator) document(o object, name string) (string, error) {
	if _, ok := o[name].(object); !ok {
		return "", fmt.Errorf("property %s must be a mapping", name)
	}
	v, err := e.evaluate(o[name])
	if err != nil {
		return "", fmt.Errorf("property %s: %w", name, err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("property %s: %w", name, err)
	}
	return string(b), nil
}

func (e *evaluator) outputs(top object) (map[string]string, error) {
	list, err := top.part("the template", "Outputs")
	if err != nil {
		return nil, err
	}
	outputs := make(map[string]string, len(list))
	for _, name := range sortedKeys(list) {
		what := "output " + name
		o, ok := list[name].(object)
		if !ok {
			return nil, fmt.Errorf("%s must be a mapping", what)
		}
		if err := o.only(what, "Description", "Value", "Export"); err != nil {
			return nil, err
		}
		if outputs[name], err = e.text(o["Value"]); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
	}
	return outputs, nil
}

func sortedKeys(o object) []string { return slices.Sorted(maps.Keys(o)) }

func contains(list []string, s string) bool { return slices.Contains(list, s) }
