#!/bin/bash
# Makes the queue, its topic subscriptions and the webhook, with curl alone. What is there already stays as it is.
# Usage: bash create.sh SUBSCRIPTION-FILE, for example bash create.sh subscription.json
set -euo pipefail
subscription=${1:?give the subscription file, for example subscription.json}

# From the service key of the Event Mesh instance: entries management and messaging (protocol httprest).
management_uri='<your management uri>'
messaging_uri='<your messaging uri>'
# The same key's oa2 of each entry; both have the same client.
token_endpoint='<your token endpoint>'
client_id='<your service key client id>'
# Read from the terminal, so that no file and no list of processes holds it.
read -rsp 'client secret of the service key: ' client_secret

cd "$(dirname "$0")"
encode() { sed -e 's,%,%25,g' -e 's,/,%2F,g' -e 's,+,%2B,g' -e 's,#,%23,g' -e 's, ,%20,g' <<<"$1"; }
call() { curl --fail-with-body --silent --show-error --config <(printf 'header = "Authorization: Bearer %s"\n' "$token") --header 'Content-Type: application/json' "$@"; }

token=$(printf 'grant_type=client_credentials&client_id=%s&client_secret=%s' "$(encode "$client_id" | sed 's,[|],%7C,g; s,!,%21,g')" \
  "$(encode "$client_secret" | sed 's,&,%26,g; s,=,%3D,g; s,\$,%24,g')" |
  curl --fail-with-body --silent --show-error --data @- "$token_endpoint" | sed -n 's/.*"access_token" *: *"\([^"]*\)".*/\1/p')
queue=$(sed -n 's/.*"address" *: *"queue:\([^"]*\)".*/\1/p' "$subscription")

call --request PUT --data @queue.json "$management_uri/hub/rest/api/v1/management/messaging/queues/$(encode "$queue")"
# The last line may lack its end, and an editor may have written \r before each.
while read -r topic || [ -n "$topic" ]; do
  topic=${topic%$'\r'}
  [ -n "$topic" ] || continue
  call --request PUT "$management_uri/hub/rest/api/v1/management/messaging/queues/$(encode "$queue")/subscriptions/$(encode "$topic")"
done <topics.txt
call --request POST --data @"$subscription" "$messaging_uri/messagingrest/v1/subscriptions"
