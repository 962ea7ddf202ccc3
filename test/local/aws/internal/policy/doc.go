// Package policy reads and evaluates the part of AWS's policy language that Trustbridge's roles use.
//
// [ParseTrust] reads a role's trust policy, [ParseIdentity] an identity or session policy, [ParseQueue] the policy of a queue;
// [Document.Evaluate] says what a policy says of a request.
//
// It promises that nothing is ignored: an element, operator, key, variable or principal that it does not evaluate is an
// error that names it, so a policy that loads means here what it means at AWS. In all kinds it evaluates StringEquals,
// StringLike, ArnEquals, ArnLike, their negations, their IfExists forms and Null; in identity policies also
// StringEqualsIgnoreCase, Bool, the Date operators, ForAnyValue: and ForAllValues:. A condition on a key that the request
// lacks is false, a negated one true.
package policy
