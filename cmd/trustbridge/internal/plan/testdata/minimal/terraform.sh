#!/usr/bin/env bash
# Makes trust anchor, roles, profile and targets with Terraform, which shows its plan and asks, and fills in the functions' environments.
# Arguments are passed on to "terraform apply".
# Can be run again: what is there stays, and what changed is changed.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
[ -z "${AWS_REGION:-}" ] || export AWS_DEFAULT_REGION="$AWS_REGION" # AWS CLI 1 reads this one alone
export AWS_PAGER='' # nobody waits for a key
new=$(mktemp)
fill=$(mktemp)
trap 'rm -f -- "$new" "$fill"' EXIT

terraform -chdir=terraform init -input=false >&2
terraform -chdir=terraform apply -var-file=../terraform.tfvars.json "$@" >&2

outputs='TrustAnchorArn ProfileArn PublishSnsRoleArn StoreDynamodbRoleArn TopicArn QueueUrl TableName'
if ! grep -q "^FunctionName=''$" parameters.sh; then
  outputs="$outputs InvokeLambdaRoleArn FunctionArn"
fi
for key in $outputs; do
  value=$(terraform -chdir=terraform output -raw "$key")
  printf '%s\t%s\n' "$key" "$value"
done >"$new"

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
