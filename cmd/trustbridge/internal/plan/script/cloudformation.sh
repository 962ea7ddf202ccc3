# Makes trust anchor, roles, profile and targets as a CloudFormation stack, and fills in the functions' environments.

stack=@name@
# CAPABILITY_IAM: the stack makes roles; read them in template.yaml.
arguments=(--stack-name "$stack" --template-body file://template.yaml --parameters file://parameters.json --capabilities CAPABILITY_IAM)

if ! there=$(aws cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0].StackStatus' --output text 2>&1); then
  case $there in
    *'does not exist'*) ;;
    *) printf '%s\n' "$there" >&2; exit 1 ;;
  esac
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
