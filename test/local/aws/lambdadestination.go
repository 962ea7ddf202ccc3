package aws

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/policy"
)

// eventConfigPath is where the configuration of asynchronous invocations is: a name follows, then eventConfigSuffix.
// Source: https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
const (
	eventConfigPath   = "/2019-09-25/functions/"
	eventConfigSuffix = "/event-invoke-config"
)

// SetOnFailure sets the queue that gets the records of Events that failed for good under a version or an alias of a function.
// The function's role must be allowed to send to it. Errors say what is missing.
func (s *Server) SetOnFailure(functionARN, qualifier, queueARN string) error {
	if r := s.setOnFailure(functionARN, qualifier, queueARN); r != nil {
		return fmt.Errorf("set the on-failure destination of %s:%s: %s", functionARN, qualifier, r.text)
	}
	return nil
}

func (s *Server) setOnFailure(functionARN, qualifier, queueARN string) *refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.functions[functionARN]
	if f == nil || f.aliases[qualifier] == "" && f.versions[qualifier] == nil {
		return notFunction("The function " + functionARN + ":" + qualifier + " doesn't exist.")
	}
	if q := s.queues[queueARN]; q == nil || q.isFIFO() {
		return invalidInvocation("stand-in: the destination " + queueARN + " is no standard queue that exists")
	}
	if !s.maySend(f, queueARN) {
		return invalidInvocation("stand-in: the function's execution role does not have permissions to call SendMessage on " + queueARN)
	}
	f.failures[qualifier] = queueARN
	return nil
}

// maySend tells whether a function's role may send to a queue. The caller holds mu.
func (s *Server) maySend(f *function, queueARN string) bool {
	if f.options.Role == "" {
		return true
	}
	r := s.roles[f.options.Role]
	return r != nil && r.evaluate(policy.Request{Action: "sqs:SendMessage", Resource: queueARN}) == policy.Allow
}

// destination is the queue for what failed under an ARN that was invoked, nil if there is none or the role may not send there.
func (s *Server) destination(f *function, invokedARN string) *sqsQueue {
	qualifier := strings.TrimPrefix(strings.TrimPrefix(invokedARN, f.arn), ":")
	if qualifier == "" {
		qualifier = latestVersion
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	arn := f.failures[qualifier]
	if arn == "" {
		arn = f.options.OnFailure
	}
	if arn == "" || !s.maySend(f, arn) {
		return nil
	}
	return s.queues[arn]
}

// eventsProperties are those of AWS::Lambda::EventInvokeConfig and the members of PutFunctionEventInvokeConfig.
type eventsProperties struct {
	FunctionName, Qualifier string `json:",omitempty"`
	DestinationConfig       struct {
		OnFailure struct{ Destination string }
	}
}

// readEventConfig is the function whose configuration a request is about; ours is false if it is about none.
func (s *Server) readEventConfig(r *http.Request) (t target, ours bool, refused *refusal) {
	rest, ours := strings.CutPrefix(r.URL.EscapedPath(), eventConfigPath)
	if !ours {
		return target{}, false, nil
	}
	escaped, found := strings.CutSuffix(rest, eventConfigSuffix)
	name, err := url.PathUnescape(escaped)
	if eventConfigAction(r.Method) == "" || !found || err != nil {
		return target{}, true, &refusal{status: http.StatusNotFound, code: "UnknownOperationException",
			text: "stand-in: only GET, POST and PUT " + eventConfigPath + "{name}" + eventConfigSuffix + " are here"}
	}
	t, refused = s.resolve(name, r.URL.Query().Get("Qualifier"))
	if t.qualifier == "" {
		t.qualifier = latestVersion
	}
	return t, true, refused
}

// eventConfigAction is what a method does to a configuration of asynchronous invocations, "" if it does nothing.
func eventConfigAction(method string) string {
	return map[string]string{
		http.MethodGet: "GetFunctionEventInvokeConfig", http.MethodPost: "UpdateFunctionEventInvokeConfig", http.MethodPut: "PutFunctionEventInvokeConfig",
	}[method]
}

// onFailure is the queue that is set under a qualifier, "" if none is.
func (s *Server) onFailure(t target) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if f := s.functions[t.arn]; f != nil {
		return f.failures[t.qualifier]
	}
	return ""
}

func noEventConfig(t target) *refusal {
	return notFunction("The function " + t.qualified() + " doesn't have an EventInvokeConfig")
}

// showEventConfig answers GetFunctionEventInvokeConfig.
func (s *Server) showEventConfig(c *call, t target) (*answer, *refusal) {
	if r := s.administer(c, "lambda:GetFunctionEventInvokeConfig", t.qualified()); r != nil {
		return nil, r
	}
	arn := s.onFailure(t)
	if arn == "" {
		return nil, noEventConfig(t)
	}
	return s.eventConfig(t, arn), nil
}

// changeEventConfig answers PutFunctionEventInvokeConfig and UpdateFunctionEventInvokeConfig, which needs one that is there.
func (s *Server) changeEventConfig(c *call, t target) (*answer, *refusal) {
	if r := s.administer(c, "lambda:"+eventConfigAction(c.Method), t.qualified()); r != nil {
		return nil, r
	}
	if c.Method == http.MethodPost && s.onFailure(t) == "" {
		return nil, noEventConfig(t)
	}
	var in eventsProperties
	if err := decodeMembers(c.body, &in); err != nil || in.FunctionName != "" || in.Qualifier != "" {
		return nil, invalidInvocation("stand-in: the body must be DestinationConfig with OnFailure and nothing else")
	}
	if r := s.setOnFailure(t.arn, t.qualifier, in.DestinationConfig.OnFailure.Destination); r != nil {
		return nil, r
	}
	c.effect = "on-failure destination set"
	return s.eventConfig(t, in.DestinationConfig.OnFailure.Destination), nil
}

func (s *Server) eventConfig(t target, queueARN string) *answer {
	return &answer{status: http.StatusOK, contentType: contentJSON, header: make(http.Header), body: marshalJSON(map[string]any{
		"FunctionArn": t.qualified(), "LastModified": float64(s.now().UnixMilli()) / float64(time.Second/time.Millisecond),
		"DestinationConfig": map[string]any{"OnSuccess": struct{}{}, "OnFailure": map[string]string{"Destination": queueARN}},
	})}
}

// configurationSuffix ends the path of a function's configuration.
// Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html
const configurationSuffix = "/configuration"

// readConfiguration is the function that a request asks to see; ours is false if it asks for none.
func (s *Server) readConfiguration(r *http.Request) (t target, ours bool, refused *refusal) {
	rest, ours := strings.CutPrefix(r.URL.EscapedPath(), invocationPath)
	escaped, found := strings.CutSuffix(rest, configurationSuffix)
	name, err := url.PathUnescape(escaped)
	if !ours || !found || err != nil || r.Method != http.MethodGet {
		return target{}, false, nil
	}
	t, refused = s.resolve(name, r.URL.Query().Get("Qualifier"))
	return t, true, refused
}

// showConfiguration answers GetFunctionConfiguration.
func (s *Server) showConfiguration(c *call, t target) (*answer, *refusal) {
	if r := s.administer(c, "lambda:GetFunctionConfiguration", t.qualified()); r != nil {
		return nil, r
	}
	f, version, _, r := s.find(t)
	if r != nil {
		return nil, r
	}
	return &answer{status: http.StatusOK, contentType: contentJSON, header: make(http.Header), body: marshalJSON(map[string]any{
		"FunctionName": f.name, "FunctionArn": t.qualified(), "Version": version, "Timeout": int(f.options.Timeout / time.Second), "MemorySize": f.options.MemoryMB,
	})}, nil
}
