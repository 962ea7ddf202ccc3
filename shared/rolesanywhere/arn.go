package rolesanywhere

import (
	"fmt"
	"strings"
)

// arnMaxLength is in characters.
//
// Source: https://github.com/boto/botocore/blob/develop/botocore/data/rolesanywhere/2018-05-10/service-2.json
const arnMaxLength = 1011

// ARN is the six parts of an Amazon Resource Name, the first of which is always "arn".
type ARN struct {
	// Partition is "aws", "aws-cn", "aws-us-gov", "aws-eusc", or another that begins with "aws-".
	Partition string
	// Service is, for example, "rolesanywhere".
	Service string
	// Region is empty for services without regions, such as IAM.
	Region string
	// Account is 12 digits.
	Account string
	// Resource is all after the fifth colon, for example "trust-anchor/11111111-2222-3333-4444-555555555555".
	Resource string
}

// String is the ARN as AWS writes it; ParseARN gives the same value back.
func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.Account + ":" + a.Resource
}

// ParseARN takes s apart. It checks what all ARNs of this package have in common: six parts, at most 1011 printable ASCII
// characters, a partition of AWS, an account of 12 digits. What kind of resource it is [Validate] checks.
func ParseARN(s string) (ARN, error) {
	if s == "" {
		return ARN{}, fmt.Errorf("is missing")
	}
	if len(s) > arnMaxLength {
		return ARN{}, fmt.Errorf("has %d characters, at most %d are possible", len(s), arnMaxLength)
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return ARN{}, fmt.Errorf("%q holds a character that no ARN has: look for blanks and line ends", s)
		}
	}
	part := strings.SplitN(s, ":", 6)
	if len(part) != 6 || part[0] != "arn" {
		return ARN{}, fmt.Errorf("%q is no ARN: six parts are needed, arn:partition:service:region:account:resource", s)
	}
	a := ARN{Partition: part[1], Service: part[2], Region: part[3], Account: part[4], Resource: part[5]}
	switch {
	case !isPartition(a.Partition):
		return ARN{}, fmt.Errorf("%q is in no partition of AWS: %q is neither aws nor aws-…", s, a.Partition)
	case len(a.Account) != 12 || !consistsOf(a.Account, digit):
		return ARN{}, fmt.Errorf("%q has the account %q; 12 digits are needed", s, a.Account)
	case a.Service == "" || a.Resource == "":
		return ARN{}, fmt.Errorf("%q names no service or no resource", s)
	}
	return a, nil
}

func isPartition(s string) bool {
	rest, found := strings.CutPrefix(s, "aws-")
	return s == "aws" || found && rest != "" && consistsOf(rest, lowerDash)
}

// The resources this package knows, as the first part of ARN.Resource.
const (
	kindAnchor  = "trust-anchor"
	kindProfile = "profile"
)

// checkRolesAnywhereARN checks the ARN of an anchor or a profile: regional, and named by a lower-case UUID.
func checkRolesAnywhereARN(s, kind string) (ARN, error) {
	a, err := ParseARN(s)
	if err != nil {
		return ARN{}, fmt.Errorf("%w; example: arn:aws:rolesanywhere:eu-central-1:111122223333:%s/11111111-2222-3333-4444-555555555555", err, kind)
	}
	id, found := strings.CutPrefix(a.Resource, kind+"/")
	switch {
	case a.Service != "rolesanywhere" || !found:
		return ARN{}, fmt.Errorf("%q is not the ARN of a %s of IAM Roles Anywhere", s, kind)
	case a.Region == "" || !consistsOf(a.Region, regionLetter):
		return ARN{}, fmt.Errorf("%q has the region %q; one like eu-central-1 is needed", s, a.Region)
	case !isUUID(id):
		return ARN{}, fmt.Errorf("%q ends in %q; a UUID in lower case is needed", s, id)
	}
	if p := partitionOfRegion(a.Region); p != "" && p != a.Partition && isKnownPartition(a.Partition) {
		return ARN{}, fmt.Errorf("%q puts the region %s into the partition %s; it is in %s", s, a.Region, a.Partition, p)
	}
	return a, nil
}

// checkRoleARN checks the ARN of a role, with or without a path.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
func checkRoleARN(s string) (ARN, error) {
	a, err := ParseARN(s)
	if err != nil {
		return ARN{}, fmt.Errorf("%w; example: arn:aws:iam::111122223333:role/trustbridge", err)
	}
	path, found := strings.CutPrefix(a.Resource, "role/")
	if a.Service != "iam" || a.Region != "" || !found {
		return ARN{}, fmt.Errorf("%q is not the ARN of a role: arn:…:iam::account:role/name", s)
	}
	name := path[strings.LastIndexByte(path, '/')+1:]
	if len(name) < 1 || len(name) > 64 || !consistsOf(name, nameCharacter) {
		return ARN{}, fmt.Errorf("%q names the role %q; 1 to 64 of A-Z a-z 0-9 _ + = , . @ - are possible", s, name)
	}
	return a, nil
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			if !digit(s[i]) && (s[i] < 'a' || s[i] > 'f') {
				return false
			}
		}
	}
	return true
}

func consistsOf(s string, allowed func(byte) bool) bool {
	for i := range len(s) {
		if !allowed(s[i]) {
			return false
		}
	}
	return true
}

func digit(c byte) bool        { return c >= '0' && c <= '9' }
func lower(c byte) bool        { return c >= 'a' && c <= 'z' }
func lowerDash(c byte) bool    { return lower(c) || c == '-' }
func regionLetter(c byte) bool { return lowerDash(c) || digit(c) }

// nameCharacter is what names of roles and of role sessions consist of.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
func nameCharacter(c byte) bool {
	return lower(c) || digit(c) || c >= 'A' && c <= 'Z' || strings.IndexByte("_+=,.@-", c) >= 0
}
