# The parameters of template.yaml, with the same meanings, defaults and forms.

variable "name" {
  description = "What the topic, queue, table, trust anchor and profile are called, and what the names of the others begin with."
  type        = string
  default     = "trustbridge"
  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9_-]{2,39}$", var.name))
    error_message = "The name must have 3 to 40 letters, digits, hyphens and underscores, a letter first."
  }
}

variable "trust_anchor_certificate" {
  description = "PEM of SAP's root certificate, the last one of the chain. Only certificates under it can sign in."
  type        = string
}

variable "second_trust_anchor_certificate" {
  description = "PEM of the next root, only while SAP replaces its root. Otherwise empty."
  type        = string
  default     = ""
}

variable "subject_locality" {
  description = "L of the certificate's subject, as the certificate has it."
  type        = string
  validation {
    condition     = var.subject_locality != ""
    error_message = "Without the locality every customer of SAP BTP could sign in."
  }
}

variable "issuer_common_names" {
  description = "CN of each authority that may issue the certificate, with commas between them."
  type        = string
  default     = "SAP PKI Certificate Service Client CA,SAP Cloud Platform Client CA"
}

variable "publish_sns_common_name" {
  description = "CN of the certificate of publish-sns."
  type        = string
  default     = "trustbridge-publish-sns"
}

variable "store_dynamodb_common_name" {
  description = "CN of the certificate of store-dynamodb."
  type        = string
  default     = "trustbridge-store-dynamodb"
}

variable "invoke_lambda_common_name" {
  description = "CN of the certificate of invoke-lambda."
  type        = string
  default     = "trustbridge-invoke-lambda"
}

variable "function_name" {
  description = "Name of your Lambda function that invoke-lambda invokes. Empty, nothing is made for invoke-lambda."
  type        = string
  default     = ""
}

variable "function_alias" {
  description = "Alias, or number of the version, under which it is invoked."
  type        = string
  default     = "live"
}

variable "function_role_name" {
  description = "Name of that function's execution role, which gets the permission to send to the queue of failed invocations. Empty, it must have it already."
  type        = string
  default     = ""
}

variable "table_sort_key" {
  description = "Name of the table's sort key, a string. Empty, the partition key pk is the whole key."
  type        = string
  default     = ""
}

variable "table_ttl_attribute" {
  description = "Attribute that says when an item ends, in epoch seconds. Items without it stay."
  type        = string
  default     = "expires_at"
}

variable "alarm_email" {
  description = "Address that alarms go to, after it has confirmed the subscription. Empty, they only show in CloudWatch."
  type        = string
  default     = ""
}
