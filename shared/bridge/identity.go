package bridge

import (
	"strings"

	"github.com/trustbridge/trustbridge/shared/destination"
	"github.com/trustbridge/trustbridge/shared/rolesanywhere"
)

// checkIdentity is what is wrong with where the certificate comes from.
func (c *Config) checkIdentity() []Problem {
	var problems []Problem
	against := func(broken bool, reason string, names ...string) {
		if broken {
			problems = append(problems, Problem{Names: names, Reason: reason})
		}
	}
	i := c.Identity
	if i.DestinationName == "" && i.CertificateName == "" {
		problems = append(problems, c.settings()["DESTINATION_NAME"].problem("is not set"))
	}
	against(i.DestinationName != "" && i.CertificateName != "", "contradict each other: the certificate is that of the destination or the one named", "DESTINATION_NAME", "CERTIFICATE_NAME")
	against((i.CertificateName == "") != (i.CertificateLevel == ""), "belong together: a certificate is looked for at one level; set both or none", "CERTIFICATE_NAME", "CERTIFICATE_LEVEL")
	against(i.DestinationLevel != "" && i.CertificateName != "", "contradict each other: the level of a certificate is CERTIFICATE_LEVEL", "DESTINATION_LEVEL", "CERTIFICATE_NAME")
	against(strings.Trim(i.Subdomain, "abcdefghijklmnopqrstuvwxyz0123456789-") != "", "is "+quote(i.Subdomain)+"; letters a-z, digits and - are possible", "DESTINATION_SUBDOMAIN")
	return problems
}

// settings are ours by their names.
func (c *Config) settings() map[string]setting {
	byName := make(map[string]setting)
	for _, s := range settingsOf(c) {
		byName[s.name] = s
	}
	return byName
}

// checkRolesAnywhere puts the names of our variables to what the identity says of its configuration.
func (c *Config) checkRolesAnywhere() []Problem {
	variables := map[string]string{
		"TrustAnchorARN": "ROLES_ANYWHERE_TRUST_ANCHOR_ARN", "ProfileARN": "ROLES_ANYWHERE_PROFILE_ARN", "RoleARN": "ROLES_ANYWHERE_ROLE_ARN",
		"SessionName": "ROLES_ANYWHERE_SESSION_NAME", "Duration": "ROLES_ANYWHERE_DURATION", "Endpoint": c.signInVariable(),
	}
	byName := c.settings()
	r := c.rolesAnywhere()
	if r.Endpoint != "" {
		r.FIPS, r.DualStack = false, false // checkEndpoints names both variables
	}
	var problems []Problem
	for _, p := range rolesanywhere.Validate(r) {
		name, found := variables[p.Field]
		if !found {
			continue // what the program sets itself
		}
		s := byName[name]
		if s.field.String() == "" && p.Field != "Endpoint" {
			problems = append(problems, s.problem("is not set"))
			continue
		}
		problems = append(problems, Problem{Names: []string{name}, Reason: p.Reason, Purpose: s.doc})
	}
	return problems
}

// checkRegion tells that the region of the target is not known: a client of AWS is made at start for one region, and where the
// anchor is to come from the destination, it comes later.
func (c *Config) checkRegion(target string) []Problem {
	if target != "" || c.AWS.Region != "" || c.RolesAnywhere.TrustAnchorARN != "" || c.Identity.DestinationName == "" {
		return nil
	}
	return []Problem{c.settings()["AWS_REGION"].problem("is not set, and neither the target's setting nor ROLES_ANYWHERE_TRUST_ANCHOR_ARN names a region: " +
		"the anchor's ARN is to come from the destination, which is read later")}
}

// destination is the source of the certificate, without its binding and what it works with.
func (c *Config) destination() destination.Config {
	i := c.Identity
	return destination.Config{
		Name: i.DestinationName, Level: destination.Level(i.DestinationLevel),
		CertificateName: i.CertificateName, CertificateLevel: destination.Level(i.CertificateLevel),
		Subdomain: i.Subdomain, KeyPath: i.KeyPath,
	}
}
