package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"maps"
	"math/big"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	deploy "github.com/trustbridge/trustbridge/deploy/aws"
	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/local/btp"
)

// deliveries are the ways in which a function uses what its role may do, as settings.
func deliveries(function string) [][]string {
	return map[string][][]string{
		"publish-sns": {{"SNS_PAYLOAD=event"}},
		"store-dynamodb": {
			{"DYNAMODB_WRITE=batch"}, {"DYNAMODB_WRITE=first"}, {"DYNAMODB_MODE=latest", "DYNAMODB_KEY=pk={event}", "DYNAMODB_ORDER=arrival"},
		},
		"invoke-lambda": {{"LAMBDA_INVOCATION=event"}, {"LAMBDA_INVOCATION=request-response"}},
	}[function]
}

// TestTemplateHasNothingForShow takes every action, resource and condition of deploy/aws/template.yaml away in turn. Without an
// action or a resource, a delivery that needs it must fail; one that none needs is granted for nothing. Without a condition,
// the neighbour whom it alone keeps out must come in, and none of the others.
func TestTemplateHasNothingForShow(t *testing.T) {
	all, problems := elementsOf(deploy.Template)
	for _, problem := range problems {
		// Those of the queues and of the user's own function are taken away by test/local/aws, element by element as here.
		if !strings.HasSuffix(problem, "a policy of a AWS::SQS::QueuePolicy is not tested") && !strings.HasSuffix(problem, "a policy of a AWS::IAM::Policy is not tested") {
			t.Error(problem)
		}
	}
	for _, function := range local.Functions() {
		s := newStand(t, local.Config{})
		role := path.Base(s.Role(function))
		elements := all[role]
		delete(all, role)
		t.Run(function, func(t *testing.T) {
			t.Parallel()
			neighbours := s.on(t).neighbours()
			t.Run("whole template", func(t *testing.T) {
				whole := s.under(t, deploy.Template)
				whole.deliversAll(function)
				whole.admitsOnly(function, neighbours, "")
			})
			counts := map[string]int{}
			for _, e := range elements {
				counts[e.kind]++
				t.Run(e.String(), func(t *testing.T) {
					if stripped := s.under(t, e.stripped); e.kind == "Condition" {
						stripped.admitsOnly(function, neighbours, e.name)
					} else {
						stripped.missesGrant(function, e)
					}
				})
			}
			if counts["Action"] < 4 || counts["Resource"] == 0 || counts["Condition"] == 0 { // the three of each trust policy, and its own
				t.Errorf("%s has %v in the template, want actions, resources and conditions", role, counts)
			}
			t.Logf("%s: taken away one by one: %v", role, counts)
		})
	}
	if len(all) != 0 {
		t.Errorf("the template has roles of no function, so that nothing tests them: %v", slices.Sorted(maps.Keys(all)))
	}
}

// on is the same system for a test within its own, with a function of its own.
func (s *system) on(t *testing.T) *system {
	out := *s
	out.t = t
	return &out
}

// under is the system with the roles of another template, for a test within its own.
func (s *system) under(t *testing.T, template []byte) *system {
	t.Helper()
	if err := s.Deploy(template); err != nil {
		t.Fatal(err)
	}
	return s.on(t)
}

// deliversAll wants every delivery to be accepted and to arrive.
func (s *system) deliversAll(function string) {
	s.t.Helper()
	for _, settings := range deliveries(function) {
		if answer := s.deliver(function, settings...); answer.status/100 != 2 {
			s.t.Errorf("%v: answer = %d %s, want it accepted", settings, answer.status, answer.body)
		}
	}
}

// missesGrant wants a delivery to fail for each action that is no longer allowed, with that action, or the role that cannot be
// taken on, in the log.
func (s *system) missesGrant(function string, e element) {
	s.t.Helper()
	missed := map[string]bool{}
	for _, settings := range deliveries(function) {
		answer := s.deliver(function, settings...)
		if answer.status/100 == 2 {
			continue
		}
		if e.trust {
			s.isRefusedTheRole(function, answer)
			missed[e.lost[0]] = true
			continue
		}
		if answer.status != 503 || answer.header.Get("Retry-After") != "30" || !strings.Contains(answer.detail, "not permitted") {
			s.t.Errorf("%v: answer = %d, Retry-After %q, %s; want 503 after 30: not permitted", settings, answer.status, answer.header.Get("Retry-After"), answer.body)
		}
		denied := s.fn.find("assumed-role/"+e.role+"/", "no identity-based policy allows")
		for _, action := range e.lost {
			if strings.Contains(strings.ToLower(strings.Join(denied, "")), strings.ToLower("not authorized to perform: "+action+" ")) {
				missed[action] = true
			}
		}
	}
	for _, action := range e.lost {
		if !missed[action] {
			s.t.Errorf("no delivery failed for want of %s: it is granted for nothing, or its delivery is not in this test", action)
		}
	}
}

// admitsOnly wants the neighbour whom the missing condition kept out to come in, "" for none, and the others not to.
func (s *system) admitsOnly(function string, neighbours map[string][]string, missing string) {
	s.t.Helper()
	if missing != "" && neighbours[missing] == nil {
		s.t.Fatalf("nobody differs in %s alone, so that nothing shows what it is for: add a neighbour", missing)
	}
	for key, settings := range neighbours {
		answer := s.deliver(function, settings...)
		switch {
		case key != missing:
			s.isRefusedTheRole(function, answer)
		case answer.status/100 != 2:
			s.t.Errorf("who differs in %s alone: answer = %d %s, want it to come in without that condition", key, answer.status, answer.body)
		}
	}
}

// isRefusedTheRole wants an answer and a log that say that the trust policy refused.
func (s *system) isRefusedTheRole(function string, answer reply) {
	s.t.Helper()
	if answer.status != 503 || answer.header.Get("Retry-After") != "30" || !strings.Contains(answer.detail, "trust policy") {
		s.t.Errorf("answer = %d, Retry-After %q, %s; want 503 after 30: the trust policy", answer.status, answer.header.Get("Retry-After"), answer.body)
	}
	if lines := s.fn.find(s.Role(function), "Unable to assume role"); len(lines) == 0 {
		s.t.Errorf("no line of the log says that %s cannot be assumed:\n%s", s.Role(function), s.fn.log())
	}
}

// deliver starts the function, sends it an event, and ends it. The event arrives if the answer says so, and only then.
func (s *system) deliver(function string, settings ...string) reply {
	s.t.Helper()
	s.startFunction(function, settings...)
	id := rand.Text()
	answer := s.send(id)
	if code := s.fn.stop(); code != 0 {
		s.t.Errorf("exit code %d, want 0", code)
	}
	accepted := answer.status/100 == 2
	for range 100 { // what was accepted may still be on its way to where it is looked for
		if !accepted || slices.Contains(s.arrived(s.t, function), id) {
			break
		}
		pause(s.t, 20*time.Millisecond)
	}
	if there := slices.Contains(s.arrived(s.t, function), id); there != accepted {
		s.t.Errorf("%v: answer = %d, and the event arrived: %t", settings, answer.status, there)
	}
	return answer
}

// neighbours are those whom the trust policies must keep out, by the condition that alone does: each differs in nothing else
// that a condition looks at. They are settings of a function that works with what is theirs.
func (s *system) neighbours() map[string][]string {
	s.t.Helper()
	other, err := s.stand.AWS.CreateTrustAnchor("other", s.Material.Chain[3])
	if err != nil {
		s.t.Fatal(err)
	}
	subaccount, err := s.stand.BTP.Issue(btp.Leaf{CN: local.CommonName, Subaccount: "99999999-2222-4333-8444-555555555555", EC: true})
	if err != nil {
		s.t.Fatal(err)
	}
	application, err := s.stand.BTP.Issue(btp.Leaf{CN: local.CommonName + "-2", EC: true})
	if err != nil {
		s.t.Fatal(err)
	}
	service := otherIssuer(s.t, s.stand.BTP.L())
	if err := s.stand.AWS.UpdateTrustAnchor(s.TrustAnchorARN, s.Material.Chain[3], service.Chain[1]); err != nil {
		s.t.Fatal(err)
	}
	return map[string][]string{
		"aws:SourceArn":                   {"ROLES_ANYWHERE_TRUST_ANCHOR_ARN=" + other},
		"aws:PrincipalTag/x509Subject/L":  s.destination("subaccount", subaccount),
		"aws:PrincipalTag/x509Subject/CN": s.destination("application", application),
		"aws:PrincipalTag/x509Issuer/CN":  s.destination("service", service),
	}
}

// destination makes one with a certificate and returns the setting that names it.
func (s *system) destination(name string, m *btp.Material) []string {
	s.t.Helper()
	content, err := m.PEM()
	if err != nil {
		s.t.Fatal(err)
	}
	s.stand.BTP.PutCertificate(btp.Instance, name+".pem", content)
	s.stand.BTP.PutDestination(btp.Instance, name, btp.ClientCertificate(name+".pem"))
	return []string{"DESTINATION_NAME=" + name}
}

// otherIssuer is a certificate with our common name and that locality from an authority that issues those of another service.
func otherIssuer(t *testing.T, l string) *btp.Material {
	t.Helper()
	var keys [2]*ecdsa.PrivateKey
	var chain [2]*x509.Certificate // :: authority, leaf
	for i, c := range []*x509.Certificate{
		{Subject: pkix.Name{CommonName: "Stand-in Other Service Client CA"}, IsCA: true, KeyUsage: x509.KeyUsageCertSign},
		{Subject: pkix.Name{CommonName: local.CommonName, Locality: []string{l}}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}},
	} {
		c.SerialNumber, c.BasicConstraintsValid = big.NewInt(int64(i)+1), true
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
		var der []byte
		var err error
		if keys[i], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err == nil {
			parent := c
			if i > 0 {
				parent = chain[0]
			}
			der, err = x509.CreateCertificate(rand.Reader, c, parent, keys[i].Public(), keys[0])
		}
		if err == nil {
			chain[i], err = x509.ParseCertificate(der)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return &btp.Material{Key: keys[1], Chain: []*x509.Certificate{chain[1], chain[0]}}
}

// TestElementsOf: whatever a template grants or demands is found, in each form in which it may be written, and taken away alone;
// what the test above could not judge is named.
func TestElementsOf(t *testing.T) {
	elements, problems := elementsOf([]byte(`
Resources:
  ARole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement:
          - {Effect: Allow, Action: [sts:A, sts:B], Condition: {ArnEquals: {aws:X: x}, StringEquals: {aws:Y: y, aws:Z: z}}}
          - {Effect: Allow, Action: sts:C}
      Policies:
        - PolicyDocument:
            Statement: {Sid: one, Effect: Allow, Action: sns:P, Resource: [!Ref R, !Ref Q]}
  Topic: {Type: AWS::SNS::Topic}
  Key: {Type: AWS::KMS::Key, Properties: {KeyPolicy: {Statement: [{Effect: Allow, Action: kms:D}]}}}
  BRole:
    Type: AWS::IAM::Role
    Properties:
      Policies:
        - PolicyDocument: {Statement: [{Effect: Deny, NotAction: s3:G, Resource: '*'}]}
`))
	var got []string
	for _, e := range elements["ARole"] {
		got = append(got, fmt.Sprintf("%v %q", e, e.lost))
		for _, other := range []string{"sts:A", "sts:B", "sts:C", "aws:X", "aws:Y", "aws:Z", "sns:P", "!Ref R", "!Ref Q"} {
			if there := bytes.Contains(e.stripped, []byte(other)); there != (other != e.name) {
				t.Errorf("%v: %s is in the template: %t\n%s", e, other, there, e.stripped)
			}
		}
	}
	want := []string{
		`trust 1 Action sts:A ["sts:A"]`, `trust 1 Action sts:B ["sts:B"]`, `trust 1 Condition aws:X []`, `trust 1 Condition aws:Y []`, `trust 1 Condition aws:Z []`,
		`trust 2 Action sts:C ["sts:C"]`, `policy 1 Action sns:P ["sns:P"]`, `policy 1 Resource !Ref R ["sns:P"]`, `policy 1 Resource !Ref Q ["sns:P"]`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("elements = %q, want %q", got, want)
	}
	wantProblems := []string{
		"Key: a policy of a AWS::KMS::Key is not tested", "BRole: Effect Deny is not tested", "BRole: NotAction is not tested",
		`BRole: Resource * stands for more than one`,
	}
	if !slices.Equal(problems, wantProblems) {
		t.Errorf("problems = %q, want %q", problems, wantProblems)
	}
}
