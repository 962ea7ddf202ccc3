package fake

import (
	"bytes"
	"net/http"
	"strings"
)

// messageID stands for that of every message: nobody compares them.
const messageID = "3b5e1f00-0000-4000-8000-3b5e1f000000"

// sns answers Publish and PublishBatch of the query protocol. A "=" in a value is percent-encoded, so that ".Id=" is the key of
// an entry and nothing else.
// Source: https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html
func (s *Server) sns(w http.ResponseWriter, form []byte) {
	const (
		xmlType = "text/xml"
		last    = `<ResponseMetadata><RequestId>bench</RequestId></ResponseMetadata>`
		xmlns   = ` xmlns="http://sns.amazonaws.com/doc/2010-03-31/">`
	)
	if !bytes.Contains(form, []byte("Action=PublishBatch&")) {
		s.took(1)
		answer(w, http.StatusOK, xmlType, []byte(`<PublishResponse`+xmlns+`<PublishResult><MessageId>`+messageID+`</MessageId></PublishResult>`+last+`</PublishResponse>`))
		return
	}
	out := make([]byte, 0, 2<<10)
	out = append(out, `<PublishBatchResponse`+xmlns+`<PublishBatchResult><Successful>`...)
	n := 0
	for {
		_, rest, found := bytes.Cut(form, []byte(".Id="))
		if !found {
			break
		}
		id, _, _ := bytes.Cut(rest, []byte("&"))
		out = append(append(append(out, `<member><Id>`...), id...), `</Id><MessageId>`+messageID+`</MessageId></member>`...)
		form = rest
		n++
	}
	s.took(n)
	answer(w, http.StatusOK, xmlType, append(out, `</Successful><Failed/></PublishBatchResult>`+last+`</PublishBatchResponse>`...))
}

// dynamoDB answers PutItem and BatchWriteItem. A quote in a value is escaped, so that `"PutRequest":` is the member of an entry
// unless an event has an attribute or a member of that name; those of the load have not.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
func (s *Server) dynamoDB(w http.ResponseWriter, target string, body []byte) {
	const amzJSON = "application/x-amz-json-1.0"
	if strings.HasSuffix(target, ".PutItem") {
		s.took(1)
		answer(w, http.StatusOK, amzJSON, []byte(`{"ConsumedCapacity":{"TableName":"bench","CapacityUnits":2}}`))
		return
	}
	s.took(bytes.Count(body, []byte(`"PutRequest":`)))
	answer(w, http.StatusOK, amzJSON, []byte(`{"UnprocessedItems":{},"ConsumedCapacity":[{"TableName":"bench","CapacityUnits":2}]}`))
}

// lambda answers Invoke: an asynchronous one without a body, another one with the version that ran.
// Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
func (s *Server) lambda(w http.ResponseWriter, invocation string) {
	s.took(1)
	if invocation == "Event" {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.Header().Set("X-Amz-Executed-Version", "1")
	answer(w, http.StatusOK, jsonType, []byte(`null`))
}
