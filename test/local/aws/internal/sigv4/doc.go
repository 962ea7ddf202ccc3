// Package sigv4 decides whether a request was signed with AWS Signature Version 4 by a key it knows. It signs the request
// again with the SDK's own signer and compares.
//
// [Verifier.Verify] takes a request as it was received and gives back the scope that the signature proves, or a
// [*Refusal]. [ParseAuthorization] reads the header that both this scheme and that of IAM Roles Anywhere use.
//
// It promises to be no more lenient than AWS: one value for each header that the signer would overwrite, every x-amz-
// header signed, the body hashed as received. It takes neither presigned queries nor SigV4a nor bearer tokens.
package sigv4
