package bridge

import (
	"fmt"
	"slices"
	"strings"
)

// unbuilt are the variables of the product's design that this version does not have yet. Setting one is an error: a
// setting that is silently without effect would be worse.
//
//nolint:gochecknoglobals // a table, never changed
var unbuilt = []string{
	"TLS_CERT_PATH", "TLS_KEY_PATH",
	"AUTH_JWT_ISSUER", "AUTH_JWT_AUDIENCE", "AUTH_JWT_CLIENTS", "AUTH_JWT_JWKS_URL", "AUTH_JWT_SCOPE",
	"AUTH_MTLS_SUBJECTS", "AUTH_MTLS_TRUSTED_PROXIES",
	"IDENTITY_PATH", "IDENTITY_KEY_PATH", "IDENTITY_ALIAS", "IDENTITY_PASSWORD", "IDENTITY_PASSWORD_FILE",
	"ROUTES_PATH",
	"DEAD_LETTER_URL", "DEAD_LETTER_QUEUE_URL", "DEAD_LETTER_ATTEMPTS", "DEAD_LETTER_AFTER", "DEAD_LETTER_TOKEN", "DEAD_LETTER_TOKEN_FILE",
	"METRICS_PORT",
}

// owners are the functions whose settings begin so. In another function such a setting has no meaning, and whoever set it
// expects something.
//
//nolint:gochecknoglobals // a table, never changed
var owners = map[string]string{"SNS_": "publish-sns", "DYNAMODB_": "store-dynamodb", "LAMBDA_": "invoke-lambda"}

// foreign is the function that a setting of that name belongs to, "" if to none, or to the one that has these settings.
func foreign(name string, settings []setting) string {
	for prefix, function := range owners {
		own := slices.ContainsFunc(settings, func(s setting) bool { return strings.HasPrefix(s.name, prefix) })
		if strings.HasPrefix(name, prefix) && !own {
			return function
		}
	}
	return ""
}

// unbuiltPrefix begins the names of telemetry as the OpenTelemetry specification gives them, which is not built yet either.
const unbuiltPrefix = "OTEL_"

// removed are the variables by which the AWS SDK would find other credentials or settings than the ones we give it.
//
//nolint:gochecknoglobals // a table, never changed
var removed = []string{
	"AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN",
}

// parseEnvironment makes a map of lines NAME=value; of a name that stands twice the last wins, as in os.Getenv's platforms.
func parseEnvironment(lines []string) map[string]string {
	out := make(map[string]string, len(lines))
	for _, line := range lines {
		if name, value, found := strings.Cut(line, "="); found && name != "" {
			out[name] = value
		}
	}
	return out
}

// checkNames looks at what is set besides our own variables: what is not built yet is a problem, and what looks like a
// misspelt name of ours is a warning.
func checkNames(settings []setting, environment map[string]string) (problems []Problem, warnings []string) {
	ours := make(map[string]bool, len(settings))
	for _, s := range settings {
		ours[s.name] = true
	}
	for _, name := range sortedNames(environment) {
		value := environment[name]
		switch {
		case ours[name] || value == "" || fromKubernetes(name, value):
		case slices.Contains(unbuilt, name) || strings.HasPrefix(name, unbuiltPrefix):
			problems = append(problems, Problem{Names: []string{name}, Reason: "is set, but this version does not have it yet; unset it"})
		case foreign(name, settings) != "":
			problems = append(problems, Problem{Names: []string{name}, Reason: "is a setting of " + foreign(name, settings) + " and has no meaning here; unset it"})
		default:
			if near := nearest(name, settings); near != "" {
				warnings = append(warnings, fmt.Sprintf("%s is not a setting; %s is", name, near))
			}
		}
	}
	return problems, warnings
}

func sortedNames(environment map[string]string) []string {
	names := make([]string, 0, len(environment))
	for name := range environment {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// fromKubernetes tells whether Kubernetes made the variable for a service: its names can come near any of ours.
// Source: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
func fromKubernetes(name, value string) bool {
	if strings.HasSuffix(name, "_SERVICE_HOST") || strings.Contains(name, "_SERVICE_PORT") {
		return true
	}
	_, port, _ := strings.Cut(name, "_PORT_")
	for _, protocol := range [...]string{"tcp", "udp", "sctp"} {
		if strings.HasPrefix(value, protocol+"://") || strings.Contains(port, "_"+strings.ToUpper(protocol)) {
			return true
		}
	}
	return false
}

// nearest is the setting that name is a misspelling of, "" if of none: one letter wrong, or two in a long name, in any case.
func nearest(name string, settings []setting) string {
	best, least := "", 3
	for _, s := range settings {
		most := 1
		if len(s.name) >= 8 {
			most = 2
		}
		if d := distance(strings.ToUpper(name), s.name); d <= most && d < least {
			best, least = s.name, d
		}
	}
	return best
}

// distance is the number of letters to insert, remove or replace to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		previous := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			previous, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, previous+cost)
		}
	}
	return row[len(b)]
}
