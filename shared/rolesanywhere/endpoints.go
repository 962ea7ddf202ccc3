package rolesanywhere

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// partition is where a group of regions has its hosts. An empty dualStack means that it has no such hosts.
type partition struct {
	name      string
	prefixes  []string // :: beginnings of the names of its regions
	suffix    string   // :: ending of standard and FIPS hosts
	dualStack string   // :: ending of dual-stack hosts
}

// partitions is the table of hosts.
//
// Source: https://docs.aws.amazon.com/general/latest/gr/rolesanywhere.html (aws, aws-us-gov); the others are the endpoint rules of
// https://github.com/aws/aws-sdk-go-v2/tree/main/service/rolesanywhere
func partitions() []partition {
	return []partition{
		{"aws-us-gov", []string{"us-gov-"}, "amazonaws.com", "api.aws"},
		{"aws-cn", []string{"cn-"}, "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
		{"aws-eusc", []string{"eusc-"}, "amazonaws.eu", "api.amazonwebservices.eu"},
		{"aws-iso", []string{"us-iso-"}, "c2s.ic.gov", ""},
		{"aws-iso-b", []string{"us-isob-"}, "sc2s.sgov.gov", ""},
		{"aws-iso-e", []string{"eu-isoe-"}, "cloud.adc-e.uk", ""},
		{"aws-iso-f", []string{"us-isof-"}, "csp.hci.ic.gov", ""},
		// Last, since "us-" and "eu-" also begin the names above.
		{"aws", []string{"us-", "eu-", "ap-", "sa-", "ca-", "me-", "af-", "il-", "mx-"}, "amazonaws.com", "api.aws"},
	}
}

// partitionOfRegion is the partition a region's name belongs to, "" if none is known.
func partitionOfRegion(region string) string {
	for _, p := range partitions() {
		for _, prefix := range p.prefixes {
			if strings.HasPrefix(region, prefix) {
				return p.name
			}
		}
	}
	return ""
}

func isKnownPartition(name string) bool {
	for _, p := range partitions() {
		if p.name == name {
			return true
		}
	}
	return false
}

// Endpoint is the URL of the service for the region of a trust anchor: the explicit one if it is not "", else the standard
// one of the anchor's partition, or its FIPS or dual-stack form. It fails for an explicit endpoint together with fips or
// dualStack, for one that is not https (http is possible to a loopback address), and where the partition is unknown or has no
// dual-stack hosts. A path of the explicit endpoint is kept as a prefix.
func Endpoint(anchor ARN, explicit string, fips, dualStack bool) (*url.URL, error) {
	if explicit != "" {
		if fips || dualStack {
			return nil, errors.New("an explicit endpoint contradicts FIPS and dual-stack endpoints: set either")
		}
		return explicitEndpoint(explicit)
	}
	for _, p := range partitions() {
		if p.name != anchor.Partition {
			continue
		}
		service, suffix := "rolesanywhere", p.suffix
		if fips {
			service = "rolesanywhere-fips"
		}
		if dualStack {
			if p.dualStack == "" {
				return nil, fmt.Errorf("partition %s has no dual-stack endpoints: switch them off or set the endpoint", p.name)
			}
			suffix = p.dualStack
		}
		return &url.URL{Scheme: "https", Host: service + "." + anchor.Region + "." + suffix}, nil
	}
	return nil, fmt.Errorf("the endpoint of partition %s is not known: set it explicitly", anchor.Partition)
}

func explicitEndpoint(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("endpoint %q is no URL like https://host or https://host/prefix", withoutUser(s))
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("endpoint %q has a user, a query or a fragment: only host, port and path are possible", withoutUser(s))
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, fmt.Errorf("endpoint %q is not encrypted: use https (http is possible to a loopback address)", s)
	}
	u.Host = strings.ToLower(u.Host)
	// The Host header is signed, and it never holds the scheme's own port.
	if port := u.Port(); port == "" || port == "443" && u.Scheme == "https" || port == "80" && u.Scheme == "http" {
		u.Host = strings.TrimSuffix(u.Host, ":"+port)
	}
	return u.JoinPath(), nil
}

// withoutUser cuts what could be a password out of a URL that is shown in an error.
func withoutUser(s string) string {
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		return "…" + s[at:]
	}
	return s
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
