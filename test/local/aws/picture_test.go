package aws

import (
	"encoding/json"
	"strings"
	"testing"
)

// picture is everything that there is, as text by resource, with names in the place of roles' ARNs: by which a stand is
// compared with another.
func (s *Server) picture(t *testing.T, roles map[string]string) map[string]string {
	t.Helper()
	var pairs []string
	for name, arn := range roles {
		pairs = append(pairs, arn, name)
	}
	named := strings.NewReplacer(pairs...)
	out := make(map[string]string)
	put := func(key string, v any) {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out[named.Replace(key)] = named.Replace(string(text))
	}
	document := func(text string) any {
		var v any
		if text != "" {
			v = treeOf([]byte(text))
		}
		return v
	}
	for _, a := range s.shownAnchors() {
		put(a["trustAnchorArn"].(string), a)
	}
	for _, p := range s.shownProfiles() {
		put(p["profileArn"].(string), p)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for arn, r := range s.roles {
		policies := make(map[string]any)
		for name, text := range r.texts {
			policies[name] = document(text)
		}
		put(arn, map[string]any{"path": r.path(), "lasts": r.maxSession.String(), "trust": document(r.trustText), "policies": policies})
	}
	for arn, topic := range s.topics {
		subscriptions := make(map[string]any)
		for _, sub := range topic.subscriptions {
			settings := sub.settings.Load()
			subscriptions[sub.queueARN] = []any{settings.raw, settings.redrive, settings.policy}
		}
		put(arn, map[string]any{"attributes": topic.attributes, "queues": subscriptions, "emails": topic.emails})
	}
	for arn, q := range s.queues {
		attributes := make(map[string]any)
		for name, value := range q.attributes() {
			attributes[name] = value
			if name == "Policy" || name == "RedrivePolicy" {
				attributes[name] = document(value)
			}
		}
		put(arn, attributes)
	}
	for _, name := range s.tables.Names() {
		d, err := s.tables.Describe(name, s.now())
		if err != nil {
			t.Fatal(err)
		}
		put(s.tableARN(name), []any{d.Schema, d.TTL, d.Recovery})
	}
	for arn, f := range s.functions {
		put(arn, []any{f.aliases, f.failures, f.options.Role})
	}
	for name, a := range s.alarms {
		put("alarm "+name, a)
	}
	return out
}
