#!/usr/bin/env bash
# bash create.sh FOLDER makes what template.yaml makes, with nothing but the AWS CLI (1 or 2), as whoever the CLI signs in as and
# in its region. FOLDER is what `trustbridge setup` wrote:
#
#   parameters.sh                  Name='value' for each parameter of template.yaml that is not its default
#   trust-anchor.pem               SAP's root certificate
#   trust-policy-FUNCTION.json     who may take the function's role on; @TrustAnchorArn@ stands for the anchor's ARN
#
# What is there already is brought up to date and never made twice. Progress goes to stderr; the outputs of template.yaml go to
# stdout, each a line of its name, a tab and its value. Nothing is ever deleted.
#
# What it does not bring up to date: a trust anchor or profile that somebody disabled stays disabled (whoever did that, had a reason);
# a table keeps its key, billing mode and TTL attribute, a role its longest session, a subscription its settings, and alarms go to a
# second address beside the first. What parameters no longer name, such as another Lambda function, keeps what it had.
set -euo pipefail
export AWS_PAGER=''

fail() { printf 'create.sh: %s\n' "$1" >&2; exit 1; }
say() { printf '%-28s %s\n' "$1" "$2" >&2; }

[ $# -eq 1 ] || fail 'usage: bash create.sh FOLDER, the folder that trustbridge setup wrote'
folder=${1%/}
for file in parameters.sh trust-anchor.pem; do
  [ -r "$folder/$file" ] || fail "$folder/$file cannot be read; run trustbridge setup first, or name its folder"
done
command -v aws >/dev/null || fail 'the AWS CLI (aws) is not there; install it, or use template.yaml with CloudFormation'

Name=trustbridge FunctionName='' FunctionAlias=live FunctionRoleName='' TableSortKey='' TableTtlAttribute=expires_at AlarmEmail=''
SecondTrustAnchorCertificate=''
# shellcheck source=/dev/null
. "$folder/parameters.sh"

# The same forms as in template.yaml; they also keep the JSON below sound.
check() { [[ ${!1} =~ ^($2)$ ]] || fail "$1 in $folder/parameters.sh does not match $2"; }
check Name '[A-Za-z][A-Za-z0-9_-]{2,39}'
check FunctionName '[A-Za-z0-9_-]{0,64}'
check FunctionAlias '[A-Za-z0-9_-]{1,128}'
check FunctionRoleName '[A-Za-z0-9_+=,.@-]{0,64}'
check TableSortKey '[A-Za-z0-9_.-]{0,255}'
check TableTtlAttribute '[A-Za-z0-9_.-]{1,255}'
check AlarmEmail '([A-Za-z0-9.!#%&*+/=?^_{|}~-]+@[A-Za-z0-9.-]+)?'
functions='publish-sns store-dynamodb'
[ -z "$FunctionName" ] || functions+=' invoke-lambda'
for function in $functions; do
  [ -r "$folder/trust-policy-$function.json" ] || fail "$folder/trust-policy-$function.json cannot be read; run trustbridge setup again"
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# get asks for one value; --query runs once a page, and a page without it prints nothing.
get() { aws "$@" --output text | awk 'NR == 1'; }
# quoted is JSON text of what stdin holds: our own JSON without control characters, or PEM.
quoted() { tr -d '\r' | sed 's/\\/\\\\/g; s/"/\\"/g' | awk 'NR > 1 { printf "\\n" } { printf "%s", $0 }'; }
# patient CODES COMMAND... repeats a command that AWS refuses with one of the codes, as it does while what was made a moment ago is
# not known everywhere. Its status is the command's.
patient() {
  local codes=$1 wait status
  shift
  for wait in 5 10 15 30 60 0; do
    status=0
    "$@" 2>"$work/refused" || status=$?
    [ "$status" -ne 0 ] || return 0
    cat "$work/refused" >&2
    [ "$wait" -gt 0 ] && grep -Eq "\(($codes)\)" "$work/refused" || return "$status"
    say 'not yet' "again in $wait s"
    sleep "$wait"
  done
}
statement() { printf '{"Version":"2012-10-17","Statement":[{"Effect":"Allow",%s}]}' "$1"; }

who=$(get sts get-caller-identity --query Arn)
say 'signed in as' "$who"

# Nothing is made for a function that is not there. Whoever may not look is told at the end.
no_function="there is no Lambda function $FunctionName with the alias or version $FunctionAlias: make the function and its alias first, or give setup --lambda NAME:ALIAS"
if [ -n "$FunctionName" ] &&
  ! aws lambda get-function-configuration --function-name "$FunctionName" --qualifier "$FunctionAlias" >"$work/function.json" 2>"$work/refused"; then
  ! grep -q '(ResourceNotFoundException)' "$work/refused" || fail "$no_function"
fi

# Topic and queues.
TopicArn=$(get sns create-topic --name "$Name" --query TopicArn)
IFS=: read -r _ partition _ region account _ <<<"$TopicArn"
say topic "$TopicArn"

# queue NAME POLICY REDRIVE DAYS: sets QueueUrl and QueueArn.
queue() {
  if ! QueueUrl=$(get sqs get-queue-url --queue-name "$1" --query QueueUrl 2>/dev/null) || [ -z "$QueueUrl" ]; then
    QueueUrl=$(get sqs create-queue --queue-name "$1" --query QueueUrl)
  fi
  QueueArn=arn:$partition:sqs:$region:$account:$1
  # SQS's own keys: SNS may not use the key alias/aws/sqs.
  printf '{"SqsManagedSseEnabled":"true","MessageRetentionPeriod":"%s"' "$(($4 * 24 * 3600))" >"$work/queue.json"
  [ -z "$2" ] || printf ',"Policy":"%s"' "$(quoted <<<"$2")" >>"$work/queue.json"
  [ -z "$3" ] || printf ',"RedrivePolicy":"%s"' "$(quoted <<<"$3")" >>"$work/queue.json"
  printf '}' >>"$work/queue.json"
  patient 'AWS.SimpleQueueService.NonExistentQueue|QueueDoesNotExist' aws sqs set-queue-attributes --queue-url "$QueueUrl" --attributes "file://$work/queue.json"
  say queue "$QueueArn"
}
from_topic() { statement '"Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"'"arn:$partition:sqs:$region:$account:$1"'","Condition":{"ArnEquals":{"aws:SourceArn":"'"$TopicArn"'"}}'; }

# In a dead-letter queue a message keeps the time at which it was sent: with 7 days here it has 7 more there, out of SQS's 14.
queue "$Name-dead-letters" "$(from_topic "$Name-dead-letters")" '' 14
dead=$QueueArn
queue "$Name" "$(from_topic "$Name")" '{"deadLetterTargetArn":"'"$dead"'","maxReceiveCount":5}' 7
printf '{"RawMessageDelivery":"true","RedrivePolicy":"%s"}' "$(quoted <<<'{"deadLetterTargetArn":"'"$dead"'"}')" >"$work/subscription.json"
subscription=$(get sns subscribe --topic-arn "$TopicArn" --protocol sqs --notification-endpoint "$QueueArn" \
  --attributes "file://$work/subscription.json" --return-subscription-arn --query SubscriptionArn)
say subscription "$subscription"
url=$QueueUrl

# Table.
attributes='{"AttributeName":"pk","AttributeType":"S"}' schema='{"AttributeName":"pk","KeyType":"HASH"}' keys=pk
if [ -n "$TableSortKey" ]; then
  attributes+=',{"AttributeName":"'$TableSortKey'","AttributeType":"S"}' schema+=',{"AttributeName":"'$TableSortKey'","KeyType":"RANGE"}'
  keys+=$'\t'$TableSortKey
fi
if there=$(get dynamodb describe-table --table-name "$Name" --query 'Table.[KeySchema[].AttributeName]' 2>/dev/null); then
  [ "$there" = "$keys" ] || fail "table $Name is there with the key $there, not $keys; a key cannot be changed: choose another Name or TableSortKey"
else
  aws dynamodb create-table --table-name "$Name" --billing-mode PAY_PER_REQUEST \
    --attribute-definitions "[$attributes]" --key-schema "[$schema]" >"$work/table.json"
fi
aws dynamodb wait table-exists --table-name "$Name"
case $(get dynamodb describe-time-to-live --table-name "$Name" --query TimeToLiveDescription.TimeToLiveStatus) in
  ENABLED | ENABLING) ;;
  *) aws dynamodb update-time-to-live --table-name "$Name" --time-to-live-specification "Enabled=true,AttributeName=$TableTtlAttribute" >"$work/ttl.json" ;;
esac
# A table that was just made answers that its backups are still being enabled.
patient ContinuousBackupsUnavailableException aws dynamodb update-continuous-backups --table-name "$Name" --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true >"$work/backups.json"
say table "arn:$partition:dynamodb:$region:$account:table/$Name"

# Trust anchor.
{ cat "$folder/trust-anchor.pem"; printf '\n%s\n' "$SecondTrustAnchorCertificate"; } | awk 'NF' >"$work/roots.pem"
printf '{"sourceType":"CERTIFICATE_BUNDLE","sourceData":{"x509CertificateData":"%s\\n"}}' "$(quoted <"$work/roots.pem")" >"$work/source.json"
TrustAnchorArn=$(get rolesanywhere list-trust-anchors --query "trustAnchors[?name=='$Name'].[trustAnchorArn]")
if [ -n "$TrustAnchorArn" ]; then
  aws rolesanywhere update-trust-anchor --trust-anchor-id "${TrustAnchorArn##*/}" --source "file://$work/source.json" >"$work/anchor.json"
else
  TrustAnchorArn=$(get rolesanywhere create-trust-anchor --name "$Name" --enabled --source "file://$work/source.json" --query trustAnchor.trustAnchorArn)
fi
say 'trust anchor' "$TrustAnchorArn"
if aws rolesanywhere put-notification-settings --generate-cli-skeleton >"$work/known.json" 2>&1; then
  aws rolesanywhere put-notification-settings --trust-anchor-id "${TrustAnchorArn##*/}" --notification-settings \
    event=CA_CERTIFICATE_EXPIRY,enabled=true,channel=ALL,threshold=45 \
    event=END_ENTITY_CERTIFICATE_EXPIRY,enabled=true,channel=ALL,threshold=2 >"$work/anchor.json"
else
  say notifications 'left as they are: this AWS CLI is too old to set them (2.12 can); AWS Health then warns of certificates 45 days before their end'
fi

# role FUNCTION POLICY ACTION RESOURCE: sets RoleArn.
role() {
  local name=$Name-$1
  sed "s|@TrustAnchorArn@|$TrustAnchorArn|g" "$folder/trust-policy-$1.json" >"$work/trust.json"
  grep -qF "$TrustAnchorArn" "$work/trust.json" || fail "$folder/trust-policy-$1.json does not pin @TrustAnchorArn@, so that any anchor of the account would do"
  if RoleArn=$(get iam get-role --role-name "$name" --query Role.Arn 2>/dev/null) && [ -n "$RoleArn" ]; then
    aws iam update-assume-role-policy --role-name "$name" --policy-document "file://$work/trust.json"
  else
    RoleArn=$(get iam create-role --role-name "$name" --path /trustbridge/ --max-session-duration 3600 \
      --assume-role-policy-document "file://$work/trust.json" --query Role.Arn)
  fi
  aws iam put-role-policy --role-name "$name" --policy-name "$2" --policy-document "$(statement "\"Action\":$3,\"Resource\":\"$4\"")"
  say role "$RoleArn"
}
FunctionArn=arn:$partition:lambda:$region:$account:function:$FunctionName:$FunctionAlias
role publish-sns publish '"sns:Publish"' "$TopicArn"
PublishSnsRoleArn=$RoleArn
role store-dynamodb store '["dynamodb:BatchWriteItem","dynamodb:PutItem"]' "arn:$partition:dynamodb:$region:$account:table/$Name"
StoreDynamodbRoleArn=$RoleArn
roles=("$PublishSnsRoleArn" "$StoreDynamodbRoleArn")
if [ -n "$FunctionName" ]; then
  role invoke-lambda invoke '"lambda:InvokeFunction"' "$FunctionArn"
  InvokeLambdaRoleArn=$RoleArn
  roles+=("$InvokeLambdaRoleArn")
fi

# Profile.
ProfileArn=$(get rolesanywhere list-profiles --query "profiles[?name=='$Name'].[profileArn]")
if [ -n "$ProfileArn" ]; then
  aws rolesanywhere update-profile --profile-id "${ProfileArn##*/}" --role-arns "${roles[@]}" --duration-seconds 3600 >"$work/profile.json"
else
  ProfileArn=$(get rolesanywhere create-profile --name "$Name" --enabled --duration-seconds 3600 --role-arns "${roles[@]}" --query profile.profileArn)
fi
say profile "$ProfileArn"

# What the Lambda function needs so that no event is lost.
if [ -n "$FunctionName" ]; then
  queue "$Name-failed-invocations" '' '' 14
  if [ -n "$FunctionRoleName" ]; then
    aws iam put-role-policy --role-name "$FunctionRoleName" --policy-name "$Name-failed-invocations" \
      --policy-document "$(statement "\"Action\":\"sqs:SendMessage\",\"Resource\":\"$QueueArn\"")"
  fi
  # What else somebody set there stays: put removes it, so it is only for where nothing is set.
  verb=update on_success=''
  if there=$(get lambda get-function-event-invoke-config --function-name "$FunctionName" --qualifier "$FunctionAlias" \
    --query '[DestinationConfig.OnSuccess.Destination]' 2>"$work/refused"); then
    case $there in '' | None) ;; *) on_success=',"OnSuccess":{"Destination":"'$there'"}' ;; esac
  elif grep -q '(ResourceNotFoundException)' "$work/refused"; then
    verb=put
  else
    cat "$work/refused" >&2
    fail "whether $FunctionArn has other settings for asynchronous invocation cannot be seen, and they are not to be lost; it needs lambda:GetFunctionEventInvokeConfig"
  fi
  # Lambda looks at the permission at once, and a new one takes some seconds to be seen everywhere.
  if ! patient InvalidParameterValueException aws lambda "$verb-function-event-invoke-config" --function-name "$FunctionName" \
    --qualifier "$FunctionAlias" --destination-config '{"OnFailure":{"Destination":"'"$QueueArn"'"}'"$on_success}" >"$work/events.json"; then
    ! grep -q '(ResourceNotFoundException)' "$work/refused" || fail "$no_function"
    fail "the on-failure destination of $FunctionArn was refused; is its role $FunctionRoleName allowed to send to $QueueArn?"
  fi
  say 'on-failure destination' "$FunctionArn"
fi

# Alarms.
actions=''
if [ -n "$AlarmEmail" ]; then
  alarms=$(get sns create-topic --name "$Name-alarms" --query TopicArn)
  actions='"AlarmActions":["'$alarms'"],'
  subscribed=$(get sns list-subscriptions-by-topic --topic-arn "$alarms" --query "Subscriptions[?Endpoint=='$AlarmEmail'].[Endpoint]")
  [ -n "$subscribed" ] || aws sns subscribe --topic-arn "$alarms" --protocol email --notification-endpoint "$AlarmEmail" >"$work/email.json"
  say 'alarms, once confirmed, to' "$AlarmEmail"
fi
# alarm NAME DESCRIPTION MEMBERS
alarm() {
  printf '{"AlarmName":"%s-%s","AlarmDescription":"%s","EvaluationPeriods":1,"TreatMissingData":"notBreaching",%s%s}' \
    "$Name" "$1" "$2" "$actions" "$3" >"$work/alarm.json"
  aws cloudwatch put-metric-alarm --cli-input-json "file://$work/alarm.json"
  say alarm "$Name-$1"
}
alarm certificate-expiry 'The root certificate in the trust anchor ends soon. Add the next root of SAP as SecondTrustAnchorCertificate.' \
  '"Namespace":"AWS/RolesAnywhere","MetricName":"DaysToExpiry","Dimensions":[{"Name":"TrustAnchorArn","Value":"'"$TrustAnchorArn"'"}],"Statistic":"Minimum","Period":86400,"Threshold":45,"ComparisonOperator":"LessThanOrEqualToThreshold"'
alarm refused-sessions 'IAM Roles Anywhere refused a session. The log of the function that asked says why.' \
  '"Metrics":[{"Id":"refused","Expression":"SELECT SUM(Failure) FROM \"AWS/RolesAnywhere\"","Period":300,"ReturnData":true}],"Threshold":0,"ComparisonOperator":"GreaterThanThreshold"'
# waiting NAME DESCRIPTION: an alarm of the queue of that name, which nobody reads.
waiting() {
  alarm "$1" "$2" '"Namespace":"AWS/SQS","MetricName":"ApproximateNumberOfMessagesVisible","Dimensions":[{"Name":"QueueName","Value":"'"$Name-$1"'"}],"Statistic":"Maximum","Period":300,"Threshold":0,"ComparisonOperator":"GreaterThanThreshold"'
}
waiting dead-letters 'Events could not be delivered to the queue, or its receiver gave them up. See why, and redrive them within 7 days.'
[ -z "$FunctionName" ] || waiting failed-invocations 'The Lambda function failed with events, three times each. See its log, and invoke it with them again within 14 days.'

output() { printf '%s\t%s\n' "$1" "$2"; }
output TrustAnchorArn "$TrustAnchorArn"
output ProfileArn "$ProfileArn"
output PublishSnsRoleArn "$PublishSnsRoleArn"
output StoreDynamodbRoleArn "$StoreDynamodbRoleArn"
output TopicArn "$TopicArn"
output QueueUrl "$url"
output TableName "$Name"
if [ -n "$FunctionName" ]; then
  output InvokeLambdaRoleArn "$InvokeLambdaRoleArn"
  output FunctionArn "$FunctionArn"
fi
