// Package template reads the part of AWS CloudFormation's templates that deploy/aws uses.
//
// [Read] gives the roles with their policies as JSON, and the outputs. Other resources that it knows are names that Ref,
// Fn::GetAtt and Fn::Sub stand for; their properties are not looked at, but for those that name them.
//
// It promises that nothing that could change a role is ignored: an unknown section, resource type, intrinsic function,
// parameter type, role property or YAML construct is an error that names it, with its line where there is one.
package template
