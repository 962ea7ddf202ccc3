package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// store shows store-dynamodb: an event, sent twice, and the one item that is read back.
func (d *demo) store(ctx context.Context) error {
	const name = "store-dynamodb"
	_, ready, _, err := d.startFunction(ctx, name)
	if err != nil {
		return err
	}
	d.say("\nRun time: "+name, "")
	d.say("     listens and is ready at "+d.url[name], milliseconds(ready))
	e := sapEvents()[1]
	for _, times := range []string{"once", "again, as after a lost answer"} {
		_, took, err := d.send(ctx, name, e, http.StatusNoContent)
		if err != nil {
			return err
		}
		d.phase(8, "DynamoDB", fmt.Sprintf("%s, %s: 204", e.sender, times), took)
	}
	config, err := d.awsConfig()
	if err != nil {
		return err
	}
	out, err := dynamodb.NewFromConfig(config).Scan(ctx, &dynamodb.ScanInput{TableName: aws.String(d.table)})
	if err != nil {
		return fmt.Errorf("read the table: %w", err)
	}
	if len(out.Items) != 1 {
		return fmt.Errorf("the table holds %d items after one event was sent twice, want 1", len(out.Items))
	}
	d.say("\n  Proof: the one item that the table holds, read back with the AWS SDK\n", "")
	for _, attribute := range slices.Sorted(maps.Keys(out.Items[0])) {
		fmt.Fprintf(d.out, "    %-20s %s\n", attribute, native(out.Items[0][attribute]))
	}
	return nil
}

// native is an attribute's value as DynamoDB holds it: its type, and every digit of a number.
func native(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return "S " + v.Value
	case *types.AttributeValueMemberN:
		return "N " + v.Value
	case *types.AttributeValueMemberBOOL:
		return fmt.Sprintf("BOOL %t", v.Value)
	case *types.AttributeValueMemberM:
		var members []string
		for _, name := range slices.Sorted(maps.Keys(v.Value)) {
			members = append(members, name+": "+native(v.Value[name]))
		}
		return "M {" + strings.Join(members, ", ") + "}"
	}
	return fmt.Sprintf("%T", v)
}

// invoke shows invoke-lambda: a CloudEvent is answered with a CloudEvent, and a plain request with the function's answer.
func (d *demo) invoke(ctx context.Context) error {
	const name = "invoke-lambda"
	_, ready, _, err := d.startFunction(ctx, name, "LAMBDA_INVOCATION=request-response", "HTTP_EVENT_TYPE=demo.order.v1", "HTTP_EVENT_SOURCE=/demo")
	if err != nil {
		return err
	}
	d.say("\nRun time: "+name+", LAMBDA_INVOCATION=request-response", "")
	d.say("     listens and is ready at "+d.url[name], milliseconds(ready))
	answers := make([]string, 2)
	for i, e := range []sapEvent{sapEvents()[0], {
		sender: "curl", form: "no CloudEvent", header: map[string]string{"Content-Type": "application/json"}, body: `{"order":7}`,
	}} {
		body, took, err := d.send(ctx, name, e, http.StatusOK)
		if err != nil {
			return err
		}
		d.phase(8, "Lambda", fmt.Sprintf("%s, %s: 200", e.sender, e.form), took)
		answers[i] = string(body)
	}
	d.say("\n  Proof: what the function, a real aws-lambda-go program, answered to the CloudEvent and to curl\n", "")
	for _, answer := range answers {
		if !strings.Contains(answer, "order") && !strings.Contains(answer, "BusinessPartner") {
			return fmt.Errorf("the Lambda function answered %s, which is not about what it was asked", answer)
		}
		d.say("    "+answer, "")
	}
	d.say("\nAll three far ends have what was sent.", "")
	return nil
}
