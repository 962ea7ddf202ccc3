#!/bin/bash
# Makes the queue, its topic subscriptions and the REST delivery point by SEMP, with curl alone. Usage: bash create.sh
set -euo pipefail

# From the broker service's page, Manage, SEMP - REST API: base path, message VPN and user.
semp='<your semp uri>'
vpn='<your message vpn>'
user='<your semp user>'
# Read from the terminal, so that no file and no list of processes holds it.
read -rsp 'password of the SEMP user: ' password

cd "$(dirname "$0")"
call() {
  curl --fail-with-body --silent --show-error --config <(printf 'user = "%s:%s"\n' "$user" "$password") \
    --header 'Content-Type: application/json' --request POST --data "$2" "$semp/msgVpns/$vpn/$1"
}
queue=$(sed -n 's/.*"queueName" *: *"\([^"]*\)".*/\1/p' queue.json)
rdp=$(sed -n 's/.*"restDeliveryPointName" *: *"\([^"]*\)".*/\1/p' rest-delivery-point.json)

call queues @queue.json
# The last line may lack its end, and an editor may have written \r before each.
while read -r topic || [ -n "$topic" ]; do
  topic=${topic%$'\r'}
  [ -n "$topic" ] || continue
  call "queues/$queue/subscriptions" "{\"subscriptionTopic\":\"$topic\"}"
done <topics.txt
call restDeliveryPoints @rest-delivery-point.json
call "restDeliveryPoints/$rdp/restConsumers" @rest-consumer.json
call "restDeliveryPoints/$rdp/queueBindings" @queue-binding.json
call "restDeliveryPoints/$rdp/queueBindings/$queue/requestHeaders" @request-header.json
