# What the functions' settings are, under the names that template.yaml and create.sh give them.

output "TrustAnchorArn" {
  value = aws_rolesanywhere_trust_anchor.trust_anchor.arn
}

output "ProfileArn" {
  value = aws_rolesanywhere_profile.profile.arn
}

output "PublishSnsRoleArn" {
  value = aws_iam_role.publish_sns_role.arn
}

output "StoreDynamodbRoleArn" {
  value = aws_iam_role.store_dynamodb_role.arn
}

output "InvokeLambdaRoleArn" {
  value = var.function_name == "" ? null : aws_iam_role.invoke_lambda_role[0].arn
}

output "TopicArn" {
  value = aws_sns_topic.topic.arn
}

output "QueueUrl" {
  value = aws_sqs_queue.queue.url
}

output "TableName" {
  value = aws_dynamodb_table.table.name
}

output "FunctionArn" {
  value = var.function_name == "" ? null : local.function_arn
}
