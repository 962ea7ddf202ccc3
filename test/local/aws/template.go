package aws

import (
	"fmt"
	"io"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/template"
)

// Deployment is what a template made.
type Deployment struct {
	// Roles are the ARNs of the roles by their names in the template.
	Roles map[string]string
	// Outputs are the values of the template's outputs by name.
	Outputs map[string]string
}

// LoadTemplate makes the roles of a CloudFormation template, with their trust policies and inline policies, as that of
// deploy/aws has them. parameters are the values of its parameters; those that have a default may be left out. Other
// resources are not made: they stand for the ARNs that resources of their names have here. Errors name what is wrong, or
// what the stand-in does not read or evaluate; then nothing was made.
func (s *Server) LoadTemplate(r io.Reader, parameters map[string]string) (Deployment, error) {
	names := template.Names{Partition: s.config.Partition, Region: s.config.Region, Account: s.config.Account, Stable: s.stableID}
	t, err := template.Read(r, parameters, names)
	if err != nil {
		return Deployment{}, fmt.Errorf("load template: %w", err)
	}
	d := Deployment{Roles: make(map[string]string), Outputs: t.Outputs}
	for _, role := range t.Roles {
		if d.Roles[role.ID], err = s.loadRole(role); err != nil {
			for _, arn := range d.Roles {
				_ = s.DeleteRole(arn) // the one that failed was not made
			}
			return Deployment{}, fmt.Errorf("load template: resource %s: %w", role.ID, err)
		}
	}
	return d, nil
}

// loadRole makes a role, or nothing.
func (s *Server) loadRole(role template.Role) (string, error) {
	arn, err := s.CreateRole(role.Name, role.Trust)
	if err != nil {
		return "", err
	}
	err = s.SetMaxSessionDuration(arn, role.MaxSession)
	for name, text := range role.Policies {
		if err == nil {
			err = s.PutRolePolicy(arn, name, text)
		}
	}
	if err != nil {
		_ = s.DeleteRole(arn) // it is there
		return "", err
	}
	return arn, nil
}
