package aws

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/lambda"
)

// invocationPath is where functions are invoked: a name follows, then invocationsSuffix.
// Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
const (
	invocationPath    = "/2015-03-31/functions/"
	invocationsSuffix = "/invocations"
	functionNameMax   = 170
)

// functionPattern is a name, a partial ARN or an ARN, each perhaps with a qualifier.
// Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
var functionPattern = regexp.MustCompile(`^(?:arn:([a-z-]+):lambda:([a-z0-9-]+):)?(?:(\d{12}):function:|function:)?([A-Za-z0-9_-]+)(?::(\$LATEST|[A-Za-z0-9_-]+))?$`)

// target is the function that a call names.
type target struct {
	arn       string // without the qualifier
	qualifier string // "" if none
}

// qualified is the ARN that permissions are about.
func (t target) qualified() string {
	if t.qualifier == "" {
		return t.arn
	}
	return t.arn + ":" + t.qualifier
}

// readInvocation is the function that a request's path and query name; ours is false if it is no call of Lambda at all.
func (s *Server) readInvocation(r *http.Request) (t target, ours bool, refused *refusal) {
	rest, ours := strings.CutPrefix(r.URL.EscapedPath(), invocationPath)
	if !ours {
		return target{}, false, nil
	}
	escaped, found := strings.CutSuffix(rest, invocationsSuffix)
	name, err := url.PathUnescape(escaped)
	query := r.URL.Query()
	_, asked := query["Qualifier"]
	if r.Method != http.MethodPost || !found || strings.Contains(escaped, "/") || err != nil || len(query) > 1 || len(query) == 1 && !asked || len(query["Qualifier"]) > 1 {
		return target{}, true, &refusal{status: http.StatusNotFound, code: "UnknownOperationException",
			text: "stand-in: only POST " + invocationPath + "{name}" + invocationsSuffix + " with Qualifier is here"}
	}
	t, refused = s.resolve(name, query.Get("Qualifier"))
	return t, true, refused
}

// resolve reads a name, partial ARN or ARN and a qualifier.
func (s *Server) resolve(name, qualifier string) (target, *refusal) {
	parts := functionPattern.FindStringSubmatch(name)
	if parts == nil || len(name) > functionNameMax || strings.HasPrefix(name, "arn:") && parts[3] == "" {
		return target{}, &refusal{status: http.StatusBadRequest, code: "ValidationException",
			text: "stand-in: the function is neither a name nor an ARN nor a partial ARN"}
	}
	partition, region, account := parts[1], parts[2], parts[3]
	if partition == "" {
		partition, region = s.config.Partition, s.config.Region
	}
	if account == "" {
		account = s.config.Account
	}
	t := target{arn: fmt.Sprintf("arn:%s:lambda:%s:%s:function:%s", partition, region, account, parts[4]), qualifier: parts[5]}
	if region != s.config.Region {
		return target{}, notFunction(fmt.Sprintf("Functions from '%s' are not reachable in this region ('%s')", region, s.config.Region))
	}
	switch {
	case qualifier == "":
	case t.qualifier == "":
		t.qualifier = qualifier
	case t.qualifier != qualifier:
		return target{}, invalidInvocation("The derived qualifier from the function name does not match the specified qualifier.")
	}
	if t.qualifier != "" && t.qualifier != latestVersion && !aliasPattern.MatchString(t.qualifier) {
		return target{}, &refusal{status: http.StatusBadRequest, code: "ValidationException", text: "stand-in: the Qualifier is neither an alias nor a version"}
	}
	return t, nil
}

// find is the function and the version that a call is for.
func (s *Server) find(t target) (f *function, version string, run *lambda.Function, refused *refusal) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	f = s.functions[t.arn]
	version = t.qualifier
	if version == "" {
		version = latestVersion
	}
	missing := notFunction("Function not found: " + t.arn + ":" + version)
	if f == nil {
		return nil, "", nil, missing
	}
	if aliased, there := f.aliases[version]; there {
		version = aliased
	}
	if run = f.versions[version]; run == nil {
		return nil, "", nil, missing
	}
	return f, version, run, nil
}

func notFunction(text string) *refusal {
	return &refusal{status: http.StatusNotFound, code: "ResourceNotFoundException", text: text}
}

func invalidInvocation(text string) *refusal {
	return &refusal{status: http.StatusBadRequest, code: "InvalidParameterValueException", text: text}
}

// tooMany is what a caller is told when too much runs already.
func tooMany(reason string) *refusal {
	return &refusal{status: http.StatusTooManyRequests, code: "TooManyRequestsException", text: "Rate Exceeded.", reason: reason}
}

// lambda answers a request that was signed for Lambda.
func (s *Server) lambda(c *call) *answer {
	t, ours, r := s.readConfiguration(c.Request)
	do := s.showConfiguration
	if !ours {
		t, ours, r = s.readInvocation(c.Request)
		do = s.invokeFunction
	}
	if !ours {
		t, ours, r = s.readEventConfig(c.Request)
		do = map[string]func(*call, target) (*answer, *refusal){http.MethodGet: s.showEventConfig, http.MethodPost: s.changeEventConfig, http.MethodPut: s.changeEventConfig}[c.Method]
	}
	if !ours {
		r = &refusal{status: http.StatusNotFound, code: "UnknownOperationException", text: "stand-in: the request is signed for lambda, but is none of lambda"}
	}
	if r != nil {
		return s.refuse(c, r)
	}
	a, r := do(c, t)
	if r != nil {
		return s.refuse(c, r)
	}
	return a
}

// claimInvocation reads what a call of Lambda says it is; false if it is another service's.
func (s *Server) claimInvocation(c *call) bool {
	t, ours, _ := s.readConfiguration(c.Request) // a claim: what cannot be read is absent
	action := "GetFunctionConfiguration"
	if !ours {
		t, ours, _ = s.readInvocation(c.Request)
		action = "Invoke"
	}
	if !ours {
		t, ours, _ = s.readEventConfig(c.Request)
		action = eventConfigAction(c.Method)
	}
	if ours {
		c.claim = Call{Service: serviceLambda, Action: action, Resource: t.qualified(), Body: c.body}
	}
	return ours
}

// errorDocument is the document of a refusal. AWS writes Message in two of them.
func (r *refusal) errorDocument() []byte {
	members := map[string]string{"Type": faultType(r.status, "User", "Service")}
	name := "message"
	switch r.code {
	case "AccessDeniedException":
		name = "Message"
		delete(members, "Type")
	case "ResourceNotFoundException":
		name = "Message"
	}
	members[name] = r.text
	if r.reason != "" {
		members["Reason"] = r.reason
	}
	return marshalJSON(members)
}

// ofLambda gives a fault the codes of Lambda.
// Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
func (f Fault) ofLambda(r *refusal) {
	switch {
	case f.Kind == Throttle:
		again := tooMany("CallerRateLimitExceeded")
		r.status, r.code, r.text, r.reason = again.status, again.code, again.text, again.reason
	case f.status() == http.StatusInternalServerError:
		r.code = "ServiceException"
	case f.status() == http.StatusBadGateway:
		r.code = "ResourceNotReadyException"
	}
}
