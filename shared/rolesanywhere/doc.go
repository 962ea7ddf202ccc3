// Package rolesanywhere exchanges an X.509 identity for temporary AWS credentials at AWS IAM Roles Anywhere, and keeps them
// fresh.
//
// [New] makes a [Provider] from three ARNs and a [Source] of identities; give it to the AWS SDK as its credentials. The
// parts are of use alone too: [Sign] signs a CreateSession request without any network, [Preflight] names what AWS would
// refuse in a certificate, [Validate] names what is wrong in a configuration, all of it at once.
//
// It promises: one CreateSession call at a time, whoever waits for it; a refresh in the background at 60 to 80 % of a
// session's life; valid credentials are kept whatever goes wrong with a refresh, and expired or empty ones are never
// handed out; leaf, chain, key and algorithm of a request come from one snapshot of the source; a wrong clock is
// measured, corrected and named; every refusal says what to check. Close waits for all that was started.
//
// It does not read certificates from anywhere: see [Source]. One provider serves one anchor, profile, role, session name
// and duration at a time, so its cache is one entry; ARNs that come from the source are those of its latest snapshot. Make another
// provider for another role.
//
// Source: https://docs.aws.amazon.com/rolesanywhere/latest/userguide/authentication-sign-process.html
package rolesanywhere
