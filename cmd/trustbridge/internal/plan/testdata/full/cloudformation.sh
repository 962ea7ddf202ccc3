#!/usr/bin/env bash
# Makes trust anchor, roles, profile and targets as a CloudFormation stack, and fills in the functions' environments.
# Can be run again: what is there stays, and what changed is changed.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
export AWS_REGION='eu-central-1' AWS_DEFAULT_REGION='eu-central-1'
[ -z "${AWS_REGION:-}" ] || export AWS_DEFAULT_REGION="$AWS_REGION" # AWS CLI 1 reads this one alone
export AWS_PAGER='' # nobody waits for a key
new=$(mktemp)
fill=$(mktemp)
trap 'rm -f -- "$new" "$fill"' EXIT

stack=trustbridge
# CAPABILITY_IAM: the stack makes roles; read them in template.yaml.
arguments=(--stack-name "$stack" --template-body file://template.yaml --parameters file://parameters.json --capabilities CAPABILITY_IAM)

# state sets there to the stack's status, or to nothing.
state() {
  if there=$(aws cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0].StackStatus' --output text 2>&1); then return; fi
  case $there in
    *'does not exist'*) there= ;;
    *) printf '%s\n' "$there" >&2; exit 1 ;;
  esac
}
state
# What a run began that was cut goes on without it, and has an end.
while case $there in REVIEW_IN_PROGRESS) false ;; *_IN_PROGRESS) ;; *) false ;; esac; do
  echo "stack $stack is $there; waiting for its end" >&2
  sleep 10
  state
done
case $there in
  ROLLBACK_COMPLETE | ROLLBACK_FAILED | REVIEW_IN_PROGRESS)
    # CloudFormation changes no stack that never was complete.
    printf '%s\n' "stack $stack is $there; nothing that is needed is in it:" "  aws cloudformation delete-stack --stack-name $stack, then run this again" >&2
    exit 1 ;;
esac

if [ -z "$there" ]; then
  echo "making stack $stack" >&2
  aws cloudformation create-stack "${arguments[@]}" >/dev/null
  wait=stack-create-complete
elif answer=$(aws cloudformation update-stack "${arguments[@]}" 2>&1); then
  echo "changing stack $stack" >&2
  wait=stack-update-complete
else
  case $answer in
    *'No updates are to be performed'*) echo "stack $stack is as it should be" >&2 ;;
    *) printf '%s\n' "$answer" >&2; exit 1 ;;
  esac
  wait=
fi
if [ -n "$wait" ] && ! aws cloudformation wait "$wait" --stack-name "$stack"; then
  aws cloudformation describe-stack-events --stack-name "$stack" --output text \
    --query "StackEvents[?contains(ResourceStatus,'FAILED')].[LogicalResourceId,ResourceStatusReason]" >&2
  exit 1
fi
aws cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0].Outputs[].[OutputKey,OutputValue]' --output text >"$new"

# What was made, as lines Key<TAB>Value.
cat -- "$new"

# @Key@ in the environments becomes Value. A file that is filled in already stays, unless other values came out.
while IFS=$'\t' read -r key value; do
  if [ -n "$value" ] && [ "$value" != None ]; then
    printf 's|@%s@|%s|g\n' "$key" "$(printf '%s' "$value" | sed 's/[&|\\]/\\&/g')"
  fi
done <"$new" >"$fill"
stale=
for file in *.env openfaas/*.yml knative/*.yaml; do
  [ -f "$file" ] || continue
  if grep -Eq '@[A-Z][A-Za-z]*(Arn|Name|Url)@' "$file"; then
    sed -f "$fill" "$file" >"$file.new"
    if grep -E '@[A-Z][A-Za-z]*(Arn|Name|Url)@' "$file.new" >&2; then
      rm -f -- "$file.new"
      echo "$file: nothing came out for the above" >&2
      exit 1
    fi
    mv -- "$file.new" "$file"
    echo "filled in $file" >&2
  elif [ -f outputs.tsv ] && ! cmp -s "$new" outputs.tsv; then
    stale="$stale $file"
  fi
done
if [ -n "$stale" ]; then
  echo "other values came out than are in$stale: run trustbridge setup again with --force, then this script" >&2
  exit 1
fi
cp -- "$new" outputs.tsv
