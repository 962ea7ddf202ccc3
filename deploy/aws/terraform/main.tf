# What template.yaml makes, resource by resource; its comments give the reasons.

data "aws_arn" "topic" {
  arn = aws_sns_topic.topic.arn
}

locals {
  function_arn = "arn:${data.aws_arn.topic.partition}:lambda:${data.aws_arn.topic.region}:${data.aws_arn.topic.account}:function:${var.function_name}:${var.function_alias}"

  # Who may take each function's role on: a certificate with these four, and no other.
  trust = {
    for function, common_name in {
      publish_sns    = var.publish_sns_common_name
      store_dynamodb = var.store_dynamodb_common_name
      invoke_lambda  = var.invoke_lambda_common_name
      } : function => jsonencode({
        Version = "2012-10-17"
        Statement = [{
          Effect    = "Allow"
          Principal = { Service = "rolesanywhere.amazonaws.com" }
          Action    = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
          Condition = {
            ArnEquals = { "aws:SourceArn" = aws_rolesanywhere_trust_anchor.trust_anchor.arn }
            StringEquals = {
              "aws:PrincipalTag/x509Subject/L"  = var.subject_locality
              "aws:PrincipalTag/x509Subject/CN" = common_name
              "aws:PrincipalTag/x509Issuer/CN"  = [for issuer in split(",", var.issuer_common_names) : trimspace(issuer)]
            }
          }
        }]
    })
  }
}

resource "aws_rolesanywhere_trust_anchor" "trust_anchor" {
  name    = var.name
  enabled = true
  source {
    source_type = "CERTIFICATE_BUNDLE"
    source_data {
      x509_certificate_data = var.second_trust_anchor_certificate == "" ? var.trust_anchor_certificate : "${var.trust_anchor_certificate}\n${var.second_trust_anchor_certificate}"
    }
  }
  # Both are named: an event that is not has AWS's own 45 days, which would always warn of a certificate that lives for 15 to 31.
  # From the first threshold on, DaysToExpiry is published at all.
  notification_settings {
    event     = "CA_CERTIFICATE_EXPIRY"
    enabled   = true
    channel   = "ALL"
    threshold = 45
  }
  notification_settings {
    event     = "END_ENTITY_CERTIFICATE_EXPIRY"
    enabled   = true
    channel   = "ALL"
    threshold = 2
  }
}

resource "aws_rolesanywhere_profile" "profile" {
  name             = var.name
  enabled          = true
  duration_seconds = 3600
  role_arns        = concat([aws_iam_role.publish_sns_role.arn, aws_iam_role.store_dynamodb_role.arn], aws_iam_role.invoke_lambda_role[*].arn)
}

resource "aws_iam_role" "publish_sns_role" {
  path                 = "/trustbridge/"
  max_session_duration = 3600
  assume_role_policy   = local.trust.publish_sns
}

resource "aws_iam_role_policy" "publish_sns_role" {
  name = "publish"
  role = aws_iam_role.publish_sns_role.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "sns:Publish"
      Resource = aws_sns_topic.topic.arn
    }]
  })
}

resource "aws_iam_role" "store_dynamodb_role" {
  path                 = "/trustbridge/"
  max_session_duration = 3600
  assume_role_policy   = local.trust.store_dynamodb
}

resource "aws_iam_role_policy" "store_dynamodb_role" {
  name = "store"
  role = aws_iam_role.store_dynamodb_role.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["dynamodb:BatchWriteItem", "dynamodb:PutItem"]
      Resource = aws_dynamodb_table.table.arn
    }]
  })
}

resource "aws_iam_role" "invoke_lambda_role" {
  count                = var.function_name == "" ? 0 : 1
  path                 = "/trustbridge/"
  max_session_duration = 3600
  assume_role_policy   = local.trust.invoke_lambda
}

resource "aws_iam_role_policy" "invoke_lambda_role" {
  count = var.function_name == "" ? 0 : 1
  name  = "invoke"
  role  = aws_iam_role.invoke_lambda_role[0].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "lambda:InvokeFunction"
      Resource = local.function_arn
    }]
  })
}

resource "aws_sns_topic" "topic" {
  name = var.name
}

resource "aws_sns_topic_subscription" "subscription" {
  topic_arn            = aws_sns_topic.topic.arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.queue.arn
  raw_message_delivery = true
  redrive_policy       = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead_letter_queue.arn })
}

# Half of what the dead letters have, since a message keeps the time at which it was sent.
resource "aws_sqs_queue" "queue" {
  name                      = var.name
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 604800
  redrive_policy            = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead_letter_queue.arn, maxReceiveCount = 5 })
}

resource "aws_sqs_queue_policy" "queue_policy" {
  queue_url = aws_sqs_queue.queue.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "sns.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.queue.arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_sns_topic.topic.arn } }
    }]
  })
}

resource "aws_sqs_queue" "dead_letter_queue" {
  name                      = "${var.name}-dead-letters"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 1209600
}

resource "aws_sqs_queue_policy" "dead_letter_queue_policy" {
  queue_url = aws_sqs_queue.dead_letter_queue.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "sns.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.dead_letter_queue.arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_sns_topic.topic.arn } }
    }]
  })
}

resource "aws_dynamodb_table" "table" {
  name         = var.name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "pk"
  range_key    = var.table_sort_key == "" ? null : var.table_sort_key
  attribute {
    name = "pk"
    type = "S"
  }
  dynamic "attribute" {
    for_each = compact([var.table_sort_key])
    content {
      name = attribute.value
      type = "S"
    }
  }
  ttl {
    attribute_name = var.table_ttl_attribute
    enabled        = true
  }
  point_in_time_recovery {
    enabled = true
  }
  # The events stay when the rest goes.
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_sqs_queue" "failed_invocations_queue" {
  count                     = var.function_name == "" ? 0 : 1
  name                      = "${var.name}-failed-invocations"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 1209600
}

resource "aws_iam_role_policy" "function_role_policy" {
  count = var.function_name == "" || var.function_role_name == "" ? 0 : 1
  name  = "${var.name}-failed-invocations"
  role  = var.function_role_name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "sqs:SendMessage"
      Resource = aws_sqs_queue.failed_invocations_queue[0].arn
    }]
  })
}

resource "aws_lambda_function_event_invoke_config" "function_on_failure" {
  count         = var.function_name == "" ? 0 : 1
  function_name = var.function_name
  qualifier     = var.function_alias
  destination_config {
    on_failure {
      destination = aws_sqs_queue.failed_invocations_queue[0].arn
    }
  }
  # Lambda looks at the permission when the destination is set.
  depends_on = [aws_iam_role_policy.function_role_policy]
}

resource "aws_sns_topic" "alarm_topic" {
  count = var.alarm_email == "" ? 0 : 1
  name  = "${var.name}-alarms"
}

resource "aws_sns_topic_subscription" "alarm_subscription" {
  count     = var.alarm_email == "" ? 0 : 1
  topic_arn = aws_sns_topic.alarm_topic[0].arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

resource "aws_cloudwatch_metric_alarm" "certificate_expiry_alarm" {
  alarm_name          = "${var.name}-certificate-expiry"
  alarm_description   = "The root certificate in the trust anchor ends soon. Add the next root of SAP as SecondTrustAnchorCertificate."
  namespace           = "AWS/RolesAnywhere"
  metric_name         = "DaysToExpiry"
  dimensions          = { TrustAnchorArn = aws_rolesanywhere_trust_anchor.trust_anchor.arn }
  statistic           = "Minimum"
  period              = 86400
  evaluation_periods  = 1
  threshold           = 45
  comparison_operator = "LessThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = aws_sns_topic.alarm_topic[*].arn
}

resource "aws_cloudwatch_metric_alarm" "refused_sessions_alarm" {
  alarm_name        = "${var.name}-refused-sessions"
  alarm_description = "IAM Roles Anywhere refused a session. The log of the function that asked says why."
  metric_query {
    id          = "refused"
    expression  = "SELECT SUM(Failure) FROM \"AWS/RolesAnywhere\""
    period      = 300
    return_data = true
  }
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = aws_sns_topic.alarm_topic[*].arn
}

resource "aws_cloudwatch_metric_alarm" "dead_letters_alarm" {
  alarm_name          = "${var.name}-dead-letters"
  alarm_description   = "Events could not be delivered to the queue, or its receiver gave them up. See why, and redrive them within 7 days."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead_letter_queue.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = aws_sns_topic.alarm_topic[*].arn
}

resource "aws_cloudwatch_metric_alarm" "failed_invocations_alarm" {
  count               = var.function_name == "" ? 0 : 1
  alarm_name          = "${var.name}-failed-invocations"
  alarm_description   = "The Lambda function failed with events, three times each. See its log, and invoke it with them again within 14 days."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.failed_invocations_queue[0].name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = aws_sns_topic.alarm_topic[*].arn
}
