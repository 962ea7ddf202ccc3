// Package aws is a stand-in of AWS for tests and the demo: IAM Roles Anywhere, IAM, STS, SNS, SQS, DynamoDB, Lambda and
// the alarms of CloudWatch, which are described and not evaluated, behind one [http.Handler].
//
// [New] makes a [Server]; give it to a listener of your own, on the loopback interface or in memory. [Server.Seed] signs
// set-up calls of any AWS client; the methods from [Server.CreateTrustAnchor] to [Server.Subscribe] do the same without
// HTTP, [Server.LoadTemplate] makes all of deploy/aws/template.yaml, and the seed key's control plane is enough for the AWS CLI
// of deploy/aws/create.sh. [Server.WaitMessages], [Server.Items],
// [Server.Changes] and [Server.WaitInvocations] show what arrived, [Server.Requests] what was asked, and [Server.Inject]
// breaks things.
//
// It promises to accept nothing that AWS would refuse: certificates, signatures, sessions, policies and sizes are checked
// in full, and where AWS's behaviour is not known the stricter one is taken. What it does not have (endpoints
// other than SQS queues, keys of KMS, policies of queues for others than SNS, secondary indexes, transactions, calls of Lambda
// besides Invoke, GetFunctionConfiguration and the on-failure destination) it refuses by name; nothing is ignored.
// Texts for which no answer of AWS is on record begin with "stand-in: ".
//
// Everything lives in memory and ends with [Server.Close]. Time is the machine's, or the bubble's under testing/synctest,
// moved by [Server.SetClockOffset]. Notifications carry no signature yet, and no key of the stand-in is worth anything.
package aws
