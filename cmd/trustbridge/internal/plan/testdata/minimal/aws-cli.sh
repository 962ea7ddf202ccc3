#!/usr/bin/env bash
# Makes trust anchor, roles, profile and targets by create.sh with the AWS CLI, and fills in the functions' environments.
# Can be run again: what is there stays, and what changed is changed.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
[ -z "${AWS_REGION:-}" ] || export AWS_DEFAULT_REGION="$AWS_REGION" # AWS CLI 1 reads this one alone
export AWS_PAGER='' # nobody waits for a key
new=$(mktemp)
fill=$(mktemp)
trap 'rm -f -- "$new" "$fill"' EXIT

bash create.sh . >"$new"

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
