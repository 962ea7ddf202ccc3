package aws

// translation is a Terraform resource's type and properties in CloudFormation. It takes from the arguments what it reads.
type translation func(arguments map[string]any) (string, map[string]any)

// take takes arguments under CloudFormation's names; those that are absent or empty lists stay absent.
func take(from map[string]any, pairs ...string) map[string]any {
	out := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		v, there := from[pairs[i]]
		delete(from, pairs[i])
		if list, isList := v.([]any); !there || isList && len(list) == 0 {
			continue
		}
		out[pairs[i+1]] = v
	}
	return out
}

// blocks takes the blocks of a name, each with its arguments under CloudFormation's names.
func blocks(from map[string]any, name string, pairs ...string) []any {
	list, _ := from[name].([]any)
	delete(from, name)
	var out []any
	for _, one := range list {
		o := one.(map[string]any)
		taken := take(o, pairs...)
		for left := range o {
			taken["NOT TAKEN "+left] = o[left]
		}
		out = append(out, taken)
	}
	return out
}

// put adds a property unless it is nothing.
func put(to map[string]any, name string, list []any) {
	if len(list) > 0 {
		to[name] = list
	}
}

// translations are by Terraform's types.
// Source: https://registry.terraform.io/providers/hashicorp/aws/latest/docs
func translations() map[string]translation {
	return map[string]translation{
		"aws_rolesanywhere_trust_anchor": func(a map[string]any) (string, map[string]any) {
			source := a["source"].([]any)[0].(map[string]any)
			delete(a, "source")
			out := take(a, "name", "Name", "enabled", "Enabled")
			out["Source"] = map[string]any{
				"SourceType": source["source_type"], "SourceData": blocks(source, "source_data", "x509_certificate_data", "X509CertificateData")[0],
			}
			put(out, "NotificationSettings", blocks(a, "notification_settings", "event", "Event", "enabled", "Enabled", "channel", "Channel", "threshold", "Threshold"))
			return "AWS::RolesAnywhere::TrustAnchor", out
		},
		"aws_rolesanywhere_profile": func(a map[string]any) (string, map[string]any) {
			return "AWS::RolesAnywhere::Profile", take(a, "name", "Name", "enabled", "Enabled", "duration_seconds", "DurationSeconds", "role_arns", "RoleArns")
		},
		"aws_iam_role": func(a map[string]any) (string, map[string]any) {
			return "AWS::IAM::Role", take(a, "path", "Path", "max_session_duration", "MaxSessionDuration", "assume_role_policy", "AssumeRolePolicyDocument")
		},
		"aws_iam_role_policy": func(a map[string]any) (string, map[string]any) {
			out := take(a, "name", "PolicyName", "policy", "PolicyDocument", "role", "Roles")
			out["Roles"] = []any{out["Roles"]}
			return "AWS::IAM::Policy", out
		},
		"aws_sns_topic": func(a map[string]any) (string, map[string]any) {
			return "AWS::SNS::Topic", take(a, "name", "TopicName")
		},
		"aws_sns_topic_subscription": func(a map[string]any) (string, map[string]any) {
			return "AWS::SNS::Subscription", take(a, "topic_arn", "TopicArn", "protocol", "Protocol", "endpoint", "Endpoint",
				"raw_message_delivery", "RawMessageDelivery", "redrive_policy", "RedrivePolicy")
		},
		"aws_sqs_queue": func(a map[string]any) (string, map[string]any) {
			return "AWS::SQS::Queue", take(a, "name", "QueueName", "sqs_managed_sse_enabled", "SqsManagedSseEnabled",
				"message_retention_seconds", "MessageRetentionPeriod", "redrive_policy", "RedrivePolicy")
		},
		"aws_sqs_queue_policy": func(a map[string]any) (string, map[string]any) {
			out := take(a, "queue_url", "Queues", "policy", "PolicyDocument")
			out["Queues"] = []any{out["Queues"]}
			return "AWS::SQS::QueuePolicy", out
		},
		"aws_dynamodb_table": func(a map[string]any) (string, map[string]any) {
			out := take(a, "name", "TableName", "billing_mode", "BillingMode")
			var keys []any
			for i, argument := range []string{"hash_key", "range_key"} {
				if name, there := a[argument]; there {
					keys = append(keys, map[string]any{"AttributeName": name, "KeyType": []string{"HASH", "RANGE"}[i]})
				}
				delete(a, argument)
			}
			put(out, "KeySchema", keys)
			put(out, "AttributeDefinitions", blocks(a, "attribute", "name", "AttributeName", "type", "AttributeType"))
			out["TimeToLiveSpecification"] = blocks(a, "ttl", "attribute_name", "AttributeName", "enabled", "Enabled")[0]
			out["PointInTimeRecoverySpecification"] = blocks(a, "point_in_time_recovery", "enabled", "PointInTimeRecoveryEnabled")[0]
			return "AWS::DynamoDB::Table", out
		},
		"aws_lambda_function_event_invoke_config": func(a map[string]any) (string, map[string]any) {
			out := take(a, "function_name", "FunctionName", "qualifier", "Qualifier")
			destination := a["destination_config"].([]any)[0].(map[string]any)
			delete(a, "destination_config")
			out["DestinationConfig"] = map[string]any{"OnFailure": blocks(destination, "on_failure", "destination", "Destination")[0]}
			return "AWS::Lambda::EventInvokeConfig", out
		},
		"aws_cloudwatch_metric_alarm": func(a map[string]any) (string, map[string]any) {
			out := take(a, "alarm_name", "AlarmName", "alarm_description", "AlarmDescription", "namespace", "Namespace", "metric_name", "MetricName",
				"statistic", "Statistic", "period", "Period", "evaluation_periods", "EvaluationPeriods", "threshold", "Threshold",
				"comparison_operator", "ComparisonOperator", "treat_missing_data", "TreatMissingData", "alarm_actions", "AlarmActions")
			dimensions, _ := a["dimensions"].(map[string]any)
			delete(a, "dimensions")
			for _, name := range keysIn(dimensions) {
				put(out, "Dimensions", []any{map[string]any{"Name": name, "Value": dimensions[name]}}) // there is one at most
			}
			put(out, "Metrics", blocks(a, "metric_query", "id", "Id", "expression", "Expression", "period", "Period", "return_data", "ReturnData"))
			return "AWS::CloudWatch::Alarm", out
		},
	}
}
