// Package template reads the part of AWS CloudFormation's templates that deploy/aws uses.
//
// [Read] gives the resources that are to be made, each after those that it refers to, with every function in their properties
// replaced by its value, and the outputs. What a resource's properties mean is for who makes it, who must know them all.
//
// It promises that nothing that could change a resource is ignored: an unknown section, resource type, intrinsic function,
// parameter type, condition or YAML construct is an error that names it, with its line where there is one.
package template
