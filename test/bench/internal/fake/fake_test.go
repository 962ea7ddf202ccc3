package fake

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/trustbridge/trustbridge/shared/binding"
	"github.com/trustbridge/trustbridge/shared/destination"
	"github.com/trustbridge/trustbridge/shared/rolesanywhere"
	"github.com/trustbridge/trustbridge/test/local/btp"
)

func start(t *testing.T, destinations map[string][]byte) *Server {
	t.Helper()
	s, err := Start(t.Context(), destinations)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func (s *Server) config() aws.Config {
	return aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String(s.URL()),
		Credentials: credentials.NewStaticCredentialsProvider("ASIABENCH", "bench", "bench"),
	}
}

// took fails unless exactly that came since before.
func (s *Server) expect(t *testing.T, before Count, calls, events int64) {
	t.Helper()
	if got := s.Count().Minus(before); got.Calls != calls || got.Events != events {
		t.Errorf("took %d calls with %d events, want %d with %d", got.Calls, got.Events, calls, events)
	}
}

// awkward holds everything that counting could stumble over.
const awkward = `{"a":"&x.Id=7&","b":"=\"PutRequest\":{","Id":".Id="}`

func TestSNSIsTakenByTheSDK(t *testing.T) {
	s := start(t, nil)
	client := sns.NewFromConfig(s.config())
	before := s.Count()
	one, err := client.Publish(t.Context(), &sns.PublishInput{TopicArn: aws.String("arn"), Message: aws.String(awkward)})
	if err != nil || aws.ToString(one.MessageId) == "" {
		t.Fatalf("Publish = %+v, %v; want a message id", one, err)
	}
	s.expect(t, before, 1, 1)
	for _, n := range []int{1, 3, 10} {
		before := s.Count()
		in := &sns.PublishBatchInput{TopicArn: aws.String("arn")}
		for i := range n {
			in.PublishBatchRequestEntries = append(in.PublishBatchRequestEntries, snstypes.PublishBatchRequestEntry{
				Id: aws.String(fmt.Sprint("e-", i)), Message: aws.String(awkward),
				MessageAttributes: map[string]snstypes.MessageAttributeValue{"Id": {DataType: aws.String("String"), StringValue: aws.String(awkward)}},
			})
		}
		out, err := client.PublishBatch(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Successful) != n || len(out.Failed) != 0 {
			t.Fatalf("PublishBatch of %d: %d successful, %d failed", n, len(out.Successful), len(out.Failed))
		}
		answered := map[string]bool{}
		for _, e := range out.Successful {
			answered[aws.ToString(e.Id)] = aws.ToString(e.MessageId) != ""
		}
		for i := range n {
			if !answered[fmt.Sprint("e-", i)] {
				t.Errorf("PublishBatch of %d: entry %d has no message id in %v", n, i, answered)
			}
		}
		s.expect(t, before, 1, int64(n))
	}
}

func TestDynamoDBIsTakenByTheSDK(t *testing.T) {
	s := start(t, nil)
	client := dynamodb.NewFromConfig(s.config())
	item := map[string]dynamodbtypes.AttributeValue{"pk": &dynamodbtypes.AttributeValueMemberS{Value: awkward}}
	before := s.Count()
	put, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("bench"), Item: item})
	if err != nil || put.ConsumedCapacity == nil {
		t.Fatalf("PutItem = %+v, %v; want consumed capacity", put, err)
	}
	s.expect(t, before, 1, 1)
	for _, n := range []int{1, 25} {
		before := s.Count()
		var writes []dynamodbtypes.WriteRequest
		for range n {
			writes = append(writes, dynamodbtypes.WriteRequest{PutRequest: &dynamodbtypes.PutRequest{Item: item}})
		}
		out, err := client.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]dynamodbtypes.WriteRequest{"bench": writes}})
		if err != nil || out.UnprocessedItems == nil || len(out.UnprocessedItems) != 0 || len(out.ConsumedCapacity) != 1 {
			t.Fatalf("BatchWriteItem of %d = %+v, %v; want an empty list of unprocessed items", n, out, err)
		}
		s.expect(t, before, 1, int64(n))
	}
}

func TestLambdaIsTakenByTheSDK(t *testing.T) {
	s := start(t, nil)
	client := lambda.NewFromConfig(s.config())
	for _, row := range []struct {
		how     lambdatypes.InvocationType
		status  int32
		version string
	}{
		{lambdatypes.InvocationTypeEvent, 202, ""},
		{lambdatypes.InvocationTypeRequestResponse, 200, "1"},
	} {
		before := s.Count()
		out, err := client.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("bench"), Qualifier: aws.String("live"), InvocationType: row.how, Payload: []byte(awkward)})
		if err != nil {
			t.Fatal(err)
		}
		if out.StatusCode != row.status || aws.ToString(out.ExecutedVersion) != row.version || out.FunctionError != nil {
			t.Errorf("Invoke %s = %d, version %q, want %d, %q", row.how, out.StatusCode, aws.ToString(out.ExecutedVersion), row.status, row.version)
		}
		if row.how == lambdatypes.InvocationTypeEvent && len(out.Payload) != 0 {
			t.Errorf("Invoke %s has the body %q, want none", row.how, out.Payload)
		}
		s.expect(t, before, 1, 1)
	}
}

// TestIdentityIsTakenByOurs goes the whole way of a function's start: token, destination, session.
func TestIdentityIsTakenByOurs(t *testing.T) {
	pki, err := btp.NewPKI(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	sap, err := btp.New(btp.Config{PKI: pki})
	if err != nil {
		t.Fatal(err)
	}
	material, err := sap.Issue(btp.Leaf{EC: true})
	if err != nil {
		t.Fatal(err)
	}
	keyStore, err := material.PEM()
	if err != nil {
		t.Fatal(err)
	}
	found, err := Destination("bench", keyStore)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, map[string][]byte{"bench": found})
	source, err := destination.New(destination.Config{Name: "bench", Binding: func() (*binding.Binding, error) {
		return &binding.Binding{ClientID: "c", ClientSecret: binding.NewSecret("s"), URL: s.URL(), URI: s.URL()}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	const arn = "arn:aws:rolesanywhere:eu-central-1:123456789012:"
	provider, err := rolesanywhere.New(rolesanywhere.Config{
		TrustAnchorARN: arn + "trust-anchor/4c2cba72-0000-4000-8000-4c2cba720000", ProfileARN: arn + "profile/4c2cba72-0000-4000-8000-4c2cba720001",
		RoleARN: "arn:aws:iam::123456789012:role/bench", Source: source, Endpoint: s.URL(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer provider.Close()
	got, err := provider.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.AccountID != "123456789012" || time.Until(got.Expires) < 50*time.Minute {
		t.Errorf("credentials of account %q for %v, want 123456789012 for about an hour", got.AccountID, time.Until(got.Expires))
	}
	s.expect(t, Count{}, 0, 0)
}

func TestUnknownThingsAreNotFound(t *testing.T) {
	s := start(t, nil)
	for _, path := range []string{findPath + "absent", "/anything"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s = %d, want 404", path, response.StatusCode)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
	if _, err := Destination("bench", nil); err == nil {
		t.Error("a destination without a key store was made")
	}
}

func TestConnectionsAreCounted(t *testing.T) {
	s := start(t, nil)
	const n = 3
	for i := range int64(n) {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if got := s.Count().Connections; got != i+1 {
			t.Errorf("after %d requests on connections of their own Connections = %d", i+1, got)
		}
	}
}
