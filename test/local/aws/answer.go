package aws

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/sigv4"
)

// The services, as credential scopes name them.
const (
	serviceRolesAnywhere = "rolesanywhere"
	serviceSNS           = "sns"
	serviceSQS           = "sqs"
	serviceLambda        = "lambda"
	serviceDynamoDB      = "dynamodb"
	serviceSTS           = "sts"
	serviceIAM           = "iam"
	serviceCloudWatch    = "monitoring"
)

const (
	contentXML    = "text/xml"
	contentJSON10 = "application/x-amz-json-1.0"
	contentJSON   = "application/json"

	snsNamespace        = "http://sns.amazonaws.com/doc/2010-03-31/"
	cloudWatchNamespace = "http://monitoring.amazonaws.com/doc/2010-08-01/"
	// serviceSQSQuery is SQS where it answers as XML.
	serviceSQSQuery = "sqs, query protocol"

	stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"
)

// cut says how much of an answer reaches the client.
type cut int

const (
	cutNothing cut = iota
	cutHalf
	cutAll
)

// answer is what will be written, whole unless a fault cuts it.
type answer struct {
	status      int
	contentType string
	header      http.Header
	body        []byte
	code, text  string // of a refusal
	cut         cut
}

// refusal is an answer other than success, before it takes the shape of a protocol.
type refusal struct {
	status     int
	code, text string
	namespace  string // of an SQS error's __type; "" means com.amazonaws.sqs
	queryCode  string // SQS's code in the query protocol, if it differs
	retryAfter time.Duration
	reason     string         // of Lambda's TooManyRequestsException
	members    map[string]any // more members of a DynamoDB error
}

// The namespaces of error types in the JSON protocol, as users report them.
const (
	namespaceSQS      = "com.amazonaws.sqs"
	namespaceCoral    = "com.amazon.coral.service"
	namespaceValidate = "com.amazon.coral.validate"
)

// refuse gives a refusal the shape of the protocol of the service that the request proves or, before that, claims.
func (s *Server) refuse(c *call, r *refusal) *answer {
	service := c.service
	if service == "" {
		service = c.claim.Service
	}
	a := &answer{status: r.status, header: make(http.Header), code: r.code, text: r.text}
	if r.retryAfter > 0 {
		a.header.Set("Retry-After", strconv.Itoa(int((r.retryAfter + time.Second - 1).Seconds())))
		a.header.Set("X-Amz-Retry-After", strconv.FormatInt(r.retryAfter.Milliseconds(), 10))
	}
	if c.isQuery() && c.claim.Service == serviceSQS && service == serviceSQS {
		service = serviceSQSQuery
	}
	switch service {
	case serviceRolesAnywhere:
		a.contentType = contentJSON
		a.header.Set("X-Amzn-Errortype", r.code)
		a.body = marshalJSON(map[string]string{"message": r.text, "Type": faultType(r.status, "User", "Service")})
	case serviceLambda:
		a.contentType = contentJSON
		a.header.Set("X-Amzn-Errortype", r.code)
		a.body = r.errorDocument()
	case serviceSQS:
		a.contentType = contentJSON10
		namespace, query := r.namespace, r.queryCode
		if namespace == "" {
			namespace = namespaceSQS
		}
		if query == "" {
			query = r.code
		}
		a.header.Set("X-Amzn-Query-Error", query+";"+faultType(r.status, "Sender", "Receiver"))
		a.body = marshalJSON(map[string]string{"__type": namespace + "#" + r.code, "message": r.text})
	case serviceDynamoDB:
		a.contentType = contentJSON10
		namespace := r.namespace
		if namespace == "" {
			namespace = namespaceDynamoDB
		}
		members := map[string]any{"__type": namespace + "#" + r.code, "message": r.text}
		maps.Copy(members, r.members)
		a.body = marshalJSON(members)
		return withChecksum(a)
	default:
		a.contentType = contentXML
		a.body = marshalXML(xmlErrorResponse{Namespace: queryNamespace(service), RequestID: c.id, Error: xmlError{
			Type: faultType(r.status, "Sender", "Receiver"), Code: r.code, Message: r.text,
		}})
	}
	return a
}

// queryNamespace is that of a service's answers in the query protocol.
func queryNamespace(service string) string {
	switch service {
	case serviceSTS:
		return stsNamespace
	case serviceIAM:
		return iamNamespace
	case serviceCloudWatch:
		return cloudWatchNamespace
	case serviceSQS, serviceSQSQuery:
		return sqsNamespace
	}
	return snsNamespace
}

func faultType(status int, theirs, ours string) string {
	if status >= http.StatusInternalServerError {
		return ours
	}
	return theirs
}

type xmlErrorResponse struct {
	XMLName   xml.Name `xml:"ErrorResponse"`
	Namespace string   `xml:"xmlns,attr"`
	Error     xmlError
	RequestID string `xml:"RequestId"`
}

type xmlError struct {
	Type, Code, Message string
}

// xmlAnswer is a success of the query protocol; a nil result has no element.
func xmlAnswer(c *call, result any) *answer {
	var b bytes.Buffer
	action := c.claim.Action
	fmt.Fprintf(&b, `<%sResponse xmlns="%s">`, action, queryNamespace(c.service))
	if result != nil {
		e := xml.NewEncoder(&b)
		if err := e.EncodeElement(result, xml.StartElement{Name: xml.Name{Local: action + "Result"}}); err != nil {
			panic(fmt.Sprintf("write answer: %v", err)) // our own structs of strings
		}
	}
	fmt.Fprintf(&b, `<ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata></%sResponse>`, c.id, action)
	return &answer{status: http.StatusOK, contentType: contentXML, body: b.Bytes()}
}

func marshalXML(v any) []byte {
	b, err := xml.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("write answer: %v", err)) // our own structs of strings
	}
	return b
}

func marshalJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("write answer: %v", err)) // our own maps and structs
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// signatureRefusal is what the claimed service says to a signature it does not take.
func signatureRefusal(c *call, err error) *refusal {
	r, ok := errors.AsType[*sigv4.Refusal](err)
	if !ok {
		panic(fmt.Sprintf("refuse signature: %v", err)) // Verify promises it
	}
	c.reason = r.Rule
	status, suffix := http.StatusForbidden, ""
	if c.claim.Service == serviceSQS || c.claim.Service == serviceDynamoDB {
		status, suffix = http.StatusBadRequest, "Exception"
	}
	if c.claim.Service == serviceLambda {
		suffix = "Exception"
	}
	var code string
	switch r.Kind {
	case sigv4.NothingSigned:
		code = "MissingAuthenticationToken" + suffix
	case sigv4.Incomplete:
		code = "IncompleteSignature" + suffix
	case sigv4.UnknownKey:
		code = "InvalidClientTokenId"
		if suffix != "" {
			code = "UnrecognizedClientException"
		}
	case sigv4.Expired:
		code = "ExpiredToken" + suffix
	case sigv4.Clock, sigv4.Mismatch:
		code = "SignatureDoesNotMatch"
		if suffix != "" {
			code = "InvalidSignatureException"
		}
	}
	return &refusal{status: status, code: code, text: r.Text, namespace: namespaceCoral}
}

// denied is a service's answer to a caller without permission.
func denied(service, text string) *refusal {
	if service == serviceSQS {
		return &refusal{status: http.StatusBadRequest, code: "AccessDeniedException", text: text, namespace: namespaceCoral, queryCode: "AccessDenied"}
	}
	if service == serviceDynamoDB {
		return &refusal{status: http.StatusBadRequest, code: "AccessDeniedException", text: text, namespace: namespaceCoral}
	}
	if service == serviceLambda || service == serviceRolesAnywhere {
		return &refusal{status: http.StatusForbidden, code: "AccessDeniedException", text: text}
	}
	if service == serviceIAM || service == serviceCloudWatch {
		return &refusal{status: http.StatusForbidden, code: "AccessDenied", text: text}
	}
	return &refusal{status: http.StatusForbidden, code: "AuthorizationError", text: text}
}
