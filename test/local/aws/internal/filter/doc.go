// Package filter decides whether a subscription with a filter policy gets a message, as Amazon SNS does.
//
// [Parse] reads a policy for one of the two scopes and refuses what AWS refuses; [Policy.MatchAttributes] and
// [Policy.MatchBody] decide. Of operators it has prefix, suffix, equals-ignore-case, anything-but with values or a prefix,
// numeric, exists and $or; any other is refused, never ignored.
package filter
