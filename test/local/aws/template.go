package aws

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/template"
)

// Deployment is what a template made.
type Deployment struct {
	// Roles are the ARNs of the roles by their names in the template.
	Roles map[string]string
	// Outputs are the values of the template's outputs by name.
	Outputs map[string]string
	// Made are the resources in the order in which they were made.
	Made []Made

	resources []template.Resource
}

// Made is a resource that a template made.
type Made struct {
	// ID is its name in the template, Type its type, for example AWS::SNS::Topic.
	ID, Type string
	// Took is how long it took.
	Took time.Duration
}

// LoadTemplate makes the resources of a CloudFormation template as that of deploy/aws has them. parameters are the values of
// its parameters; those that have a default may be left out. Errors name what is wrong, or what the stand-in does not read,
// make or evaluate; then nothing was made.
func (s *Server) LoadTemplate(r io.Reader, parameters map[string]string) (Deployment, error) {
	t, err := s.readTemplate(r, parameters)
	if err != nil {
		return Deployment{}, fmt.Errorf("load template: %w", err)
	}
	return s.deploy(t, t.Resources)
}

// ReplacePolicies makes the roles and the policies of a template anew, in place of those of a deployment, which may be gone. The
// template's other resources must be those of the deployment, and stay as they are. After an error neither the roles nor the
// policies are there, and the deployment that is returned has none.
func (s *Server) ReplacePolicies(d Deployment, r io.Reader, parameters map[string]string) (Deployment, error) {
	policy := func(r template.Resource) bool {
		return r.Type == "AWS::IAM::Role" || r.Type == "AWS::IAM::Policy" || r.Type == "AWS::SQS::QueuePolicy"
	}
	var others []template.Resource
	for _, r := range slices.Backward(d.resources) {
		if policy(r) {
			s.unmake(r)
			continue
		}
		others = append(others, r)
	}
	slices.Reverse(others)
	bare := Deployment{resources: others}
	t, err := s.readTemplate(r, parameters)
	if err != nil {
		return bare, fmt.Errorf("load template: %w", err)
	}
	var fresh []template.Resource
	kept := 0
	for _, r := range t.Resources {
		if policy(r) {
			fresh = append(fresh, r)
			continue
		}
		if !slices.ContainsFunc(others, func(o template.Resource) bool { return same(o, r) }) {
			return bare, fmt.Errorf("load template: resource %s: it differs from what is there; only roles and policies are replaced", r.ID)
		}
		kept++
	}
	if kept != len(others) {
		return bare, fmt.Errorf("load template: %d of the resources that are there are missing; only roles and policies are replaced", len(others)-kept)
	}
	out, err := s.deploy(t, fresh)
	if err != nil {
		return bare, err
	}
	out.resources = append(others, out.resources...)
	return out, nil
}

func (s *Server) readTemplate(r io.Reader, parameters map[string]string) (template.Template, error) {
	names := template.Names{Partition: s.config.Partition, Region: s.config.Region, Account: s.config.Account, Stable: s.stableID}
	return template.Read(r, parameters, names)
}

// deploy makes resources in their order, or none.
func (s *Server) deploy(t template.Template, resources []template.Resource) (Deployment, error) {
	d := Deployment{Roles: make(map[string]string), Outputs: t.Outputs}
	for _, r := range resources {
		start := time.Now()
		arn, err := s.make(r)
		if err != nil {
			for _, made := range slices.Backward(d.resources) {
				s.unmake(made)
			}
			return Deployment{}, fmt.Errorf("load template: resource %s: %w", r.ID, err)
		}
		if r.Type == "AWS::IAM::Role" {
			d.Roles[r.ID] = arn
		}
		d.resources = append(d.resources, r)
		d.Made = append(d.Made, Made{r.ID, r.Type, time.Since(start)})
	}
	return d, nil
}
