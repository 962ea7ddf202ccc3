# Makes trust anchor, roles, profile and targets with Terraform, which shows its plan and asks, and fills in the functions' environments.
# Arguments are passed on to "terraform apply".

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
