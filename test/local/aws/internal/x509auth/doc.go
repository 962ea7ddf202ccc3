// Package x509auth decides what IAM Roles Anywhere decides about a certificate: whether a request was signed with its key,
// whether it may serve as an identity, whether a path leads from it to a trust anchor, and what a session learns from it.
//
// [Verifier.Verify] verifies a request's signature, [CheckLeaf] and [FindPath] the certificate, [SessionName],
// [SourceIdentity] and [Subject] read it.
//
// It was written from the service's documentation and shares no code with Trustbridge's signer, so that the two check each
// other. It never asks the network: no revocation lists, no fetched issuers.
package x509auth
