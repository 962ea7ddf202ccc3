package senders

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// AdvancedEventMeshConfig is the folder deploy/btp/advanced-event-mesh, filled in.
type AdvancedEventMeshConfig struct {
	queue struct {
		QueueName          string `json:"queueName"`
		AccessType         string `json:"accessType"`
		Permission         string `json:"permission"`
		IngressEnabled     bool   `json:"ingressEnabled"`
		EgressEnabled      bool   `json:"egressEnabled"`
		MaxRedeliveryCount int    `json:"maxRedeliveryCount"`
	}
	topics []string
	point  struct {
		Name    string `json:"restDeliveryPointName"`
		Enabled bool   `json:"enabled"`
	}
	consumer struct {
		Name                    string `json:"restConsumerName"`
		RemoteHost              string `json:"remoteHost"`
		RemotePort              int    `json:"remotePort"`
		TLSEnabled              bool   `json:"tlsEnabled"`
		HTTPMethod              string `json:"httpMethod"`
		AuthenticationScheme    string `json:"authenticationScheme"`
		User                    string `json:"authenticationHttpBasicUsername"`
		Password                string `json:"authenticationHttpBasicPassword"`
		OutgoingConnectionCount int    `json:"outgoingConnectionCount"`
		MaxPostWaitTime         int    `json:"maxPostWaitTime"`
		RetryDelay              int    `json:"retryDelay"`
		Enabled                 bool   `json:"enabled"`
	}
	binding struct {
		QueueBindingName  string `json:"queueBindingName"`
		PostRequestTarget string `json:"postRequestTarget"`
	}
	header struct {
		Name  string `json:"headerName"`
		Value string `json:"headerValue"`
	}
}

// LoadAdvancedEventMesh reads the folder. A member that the broker does not have, or a value that would deliver nothing, is an error.
func LoadAdvancedEventMesh(files fs.FS, values Values) (*AdvancedEventMeshConfig, error) {
	c := &AdvancedEventMeshConfig{}
	var err error
	if c.topics, err = readTopics(files, "topics.txt", values); err != nil {
		return nil, err
	}
	for name, into := range map[string]any{
		"queue.json": &c.queue, "rest-delivery-point.json": &c.point, "rest-consumer.json": &c.consumer, "queue-binding.json": &c.binding,
		"request-header.json": &c.header,
	} {
		if err := readJSON(files, name, values, into); err != nil {
			return nil, err
		}
	}
	yes := []string{"true"}
	if err := demand("queue.json",
		field{"accessType", c.queue.AccessType, []string{"non-exclusive"}}, field{"permission", c.queue.Permission, []string{"consume", "modify-topic", "delete"}},
		field{"ingressEnabled", strconv.FormatBool(c.queue.IngressEnabled), yes}, field{"egressEnabled", strconv.FormatBool(c.queue.EgressEnabled), yes},
	); err != nil {
		return nil, err
	}
	if err := demand("rest-delivery-point.json", field{"restDeliveryPointName", c.point.Name, nil}, field{"enabled", strconv.FormatBool(c.point.Enabled), yes}); err != nil {
		return nil, err
	}
	if err := demand("queue-binding.json", field{"queueBindingName", c.binding.QueueBindingName, []string{c.queue.QueueName}}); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(c.binding.PostRequestTarget, "/") {
		return nil, fmt.Errorf("read queue-binding.json: postRequestTarget is %q, want a path from /", c.binding.PostRequestTarget)
	}
	if c.consumer.OutgoingConnectionCount < 1 || c.consumer.MaxPostWaitTime < 1 || c.consumer.RetryDelay < 1 || c.queue.MaxRedeliveryCount < 0 {
		return nil, fmt.Errorf("read rest-consumer.json and queue.json: counts and times are from 1, maxRedeliveryCount from 0")
	}
	return c, demand("rest-consumer.json",
		field{"restConsumerName", c.consumer.Name, nil}, field{"remoteHost", c.consumer.RemoteHost, nil}, field{"httpMethod", c.consumer.HTTPMethod, []string{"post", "put"}},
		field{"authenticationScheme", c.consumer.AuthenticationScheme, []string{"none", "http-basic"}}, field{"enabled", strconv.FormatBool(c.consumer.Enabled), yes})
}

// NewAdvancedEventMesh is a REST delivery point of the broker, with S/4HANA as publisher: structured events.
// Every failure status is retried until the queue's limit.
// Source: https://docs.solace.com/API/RESTMessagingPrtl/Message-Exchange-Patterns.htm. That retryDelay, which is that of the connection,
// passes before a refused message is sent again too is unverified.
func NewAdvancedEventMesh(c *AdvancedEventMeshConfig, o Options) (*Sender, error) {
	if o.Client == nil {
		return nil, fmt.Errorf("new sender advanced event mesh: a client is needed")
	}
	scheme := "http"
	if c.consumer.TLSEnabled {
		scheme = "https"
	}
	target := scheme + "://" + net.JoinHostPort(c.consumer.RemoteHost, strconv.Itoa(c.consumer.RemotePort)) + c.binding.PostRequestTarget
	var identity credentials
	if c.consumer.AuthenticationScheme == "http-basic" {
		identity = credentials{user: c.consumer.User, password: c.consumer.Password}
	}
	s := &Sender{
		kind: "advanced event mesh", subscription: c.point.Name + "/" + c.consumer.Name, queue: c.queue.QueueName, client: o.Client,
		habits: habits{
			parallel: c.consumer.OutgoingConnectionCount, timeout: time.Duration(c.consumer.MaxPostWaitTime) * time.Second, success: twoHundreds,
			pause: func(int) time.Duration { return time.Duration(c.consumer.RetryDelay) * time.Second },
		},
		screen: func(e Event) (Outcome, string) {
			if !slices.ContainsFunc(c.topics, func(filter string) bool { return matches(e.topic(), filter, "*", ">") }) {
				return Unsubscribed, "no topic subscription of the queue matches " + e.topic()
			}
			return Pending, ""
		},
		request: func(ctx context.Context, e Event) (*http.Request, error) {
			r, err := post(ctx, target, "application/octet-stream", e.structured())
			if err != nil {
				return nil, err
			}
			r.Method = strings.ToUpper(c.consumer.HTTPMethod)
			r.Header.Set(c.header.Name, c.header.Value)
			return r, identity.present(r)
		},
	}
	if c.queue.MaxRedeliveryCount > 0 {
		s.habits.deliveries = 1 + c.queue.MaxRedeliveryCount
	}
	return s, nil
}
