package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// subscriber is an SQS client for the queue that is subscribed to the topic.
func (d *demo) subscriber() (*sqs.Client, error) {
	config, err := d.awsConfig()
	if err != nil {
		return nil, err
	}
	return sqs.NewFromConfig(config), nil
}

// awsConfig is for clients of the stand-in that look at the far ends.
func (d *demo) awsConfig() (aws.Config, error) {
	ca, err := os.ReadFile(d.description.CAPath)
	if err != nil {
		return aws.Config{}, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	keys := aws.Credentials{AccessKeyID: d.description.AccessKeyID, SecretAccessKey: d.description.SecretAccessKey}
	return aws.Config{
		Region: d.description.Region, BaseEndpoint: aws.String(d.description.AWSURL),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return keys, nil }),
		HTTPClient:  &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}}},
	}, nil
}

// receive takes messages out of the queue, waiting up to that many seconds for the first.
func (d *demo) receive(ctx context.Context, client *sqs.Client, seconds int32) ([]types.Message, error) {
	out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(d.queueURL), MaxNumberOfMessages: 10, WaitTimeSeconds: seconds,
		MessageAttributeNames: []string{"All"},
	})
	if err != nil {
		return nil, fmt.Errorf("receive from the queue: %w", err)
	}
	for _, m := range out.Messages {
		if _, err := client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: aws.String(d.queueURL), ReceiptHandle: m.ReceiptHandle}); err != nil {
			return nil, fmt.Errorf("delete a message: %w", err)
		}
	}
	return out.Messages, nil
}

// readQueue is the proof: every event that was accepted is in the queue. The messages are shown if show is true.
func (d *demo) readQueue(ctx context.Context, show bool) error {
	client, err := d.subscriber()
	if err != nil {
		return err
	}
	if show {
		d.say("\n  Proof: what the SQS subscriber of the topic received", "")
	}
	missing := slices.Clone(d.sent)
	for len(missing) > 0 {
		messages, err := d.receive(ctx, client, 5)
		if err != nil {
			return err
		}
		if len(messages) == 0 {
			return fmt.Errorf("%d events did not arrive: %v", len(missing), missing)
		}
		for _, m := range messages {
			if show {
				d.print(m)
			}
			id := aws.ToString(m.MessageAttributes["ce-id"].StringValue)
			i := slices.Index(missing, id)
			if i < 0 {
				return fmt.Errorf("event %q arrived and was not sent, or arrived twice", id)
			}
			missing = slices.Delete(missing, i, i+1)
		}
	}
	d.say(fmt.Sprintf("\n  All %d events that were accepted are in the queue.", len(d.sent)), "")
	return nil
}

// print shows a message: the attributes that a subscription can filter by, and the body.
func (d *demo) print(m types.Message) {
	d.proofs++
	names := make([]string, 0, len(m.MessageAttributes))
	for name := range m.MessageAttributes {
		names = append(names, name)
	}
	slices.Sort(names)
	fmt.Fprintf(d.out, "\n  message %d\n", d.proofs)
	for _, name := range names {
		fmt.Fprintf(d.out, "    %-20s %s\n", name, aws.ToString(m.MessageAttributes[name].StringValue))
	}
	fmt.Fprintf(d.out, "    %s\n", aws.ToString(m.Body))
}

// stay keeps everything up, and prints what arrives, until ctx ends.
func (d *demo) stay(ctx context.Context) error {
	d.say("\nAll of it stays up. From another terminal, an event of your own, which then appears here, and a call of the Lambda function:\n", "")
	d.say(fmt.Sprintf(`  curl -i -H 'Content-Type: application/cloudevents+json' -d '{"specversion":"1.0","id":"1","source":"/me","type":"hello.v1","data":{"n":1.10}}' %s`, d.url["publish-sns"]), "")
	d.say(fmt.Sprintf(`  curl --json '{"order":7}' %s`, d.url["invoke-lambda"]), "")
	d.say("\nCtrl-C ends it.", "")
	client, err := d.subscriber()
	if err != nil {
		return err
	}
	for {
		messages, err := d.receive(ctx, client, 10)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !errors.Is(err, context.Canceled):
			return err
		}
		for _, m := range messages {
			d.print(m)
		}
	}
}
