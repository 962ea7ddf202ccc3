#!/usr/bin/env bash
@what@
# Can be run again: what is there stays, and what changed is changed.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
@region@
[ -z "${AWS_REGION:-}" ] || export AWS_DEFAULT_REGION="$AWS_REGION" # AWS CLI 1 reads this one alone
export AWS_PAGER='' # nobody waits for a key
new=$(mktemp)
fill=$(mktemp)
trap 'rm -f -- "$new" "$fill"' EXIT
