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
  validation {
    condition     = can(regex("^-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\\s]+-----END CERTIFICATE-----\\s*$", var.trust_anchor_certificate)) && length(var.trust_anchor_certificate) <= 4096
    error_message = "The trust anchor is one certificate in PEM, of 4,096 characters at most."
  }
}

variable "second_trust_anchor_certificate" {
  description = "PEM of the next root, only while SAP replaces its root. Otherwise empty."
  type        = string
  default     = ""
  validation {
    condition     = var.second_trust_anchor_certificate == "" || can(regex("^-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\\s]+-----END CERTIFICATE-----\\s*$", var.second_trust_anchor_certificate)) && length(var.second_trust_anchor_certificate) <= 4096
    error_message = "The second root is one certificate in PEM, of 4,096 characters at most, or empty."
  }
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
  validation {
    condition     = alltrue([for issuer in split(",", var.issuer_common_names) : trimspace(issuer) != ""])
    error_message = "Each issuer needs a name: one that is empty admits nobody."
  }
}

variable "publish_sns_common_name" {
  description = "CN of the certificate of publish-sns."
  type        = string
  default     = "trustbridge-publish-sns"
  validation {
    condition     = var.publish_sns_common_name != ""
    error_message = "Without the common name no certificate could sign in."
  }
}

variable "store_dynamodb_common_name" {
  description = "CN of the certificate of store-dynamodb."
  type        = string
  default     = "trustbridge-store-dynamodb"
  validation {
    condition     = var.store_dynamodb_common_name != ""
    error_message = "Without the common name no certificate could sign in."
  }
}

variable "invoke_lambda_common_name" {
  description = "CN of the certificate of invoke-lambda."
  type        = string
  default     = "trustbridge-invoke-lambda"
  validation {
    condition     = var.invoke_lambda_common_name != ""
    error_message = "Without the common name no certificate could sign in."
  }
}

variable "function_name" {
  description = "Name of your Lambda function that invoke-lambda invokes. Empty, nothing is made for invoke-lambda."
  type        = string
  default     = ""
  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{0,64}$", var.function_name))
    error_message = "It is the name of the function, not its ARN: at most 64 letters, digits, hyphens and underscores."
  }
}

variable "function_alias" {
  description = "Alias, or number of the version, under which it is invoked."
  type        = string
  default     = "live"
  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,128}$", var.function_alias))
    error_message = "The alias, or number of a version, has 1 to 128 letters, digits, hyphens and underscores."
  }
}

variable "function_role_name" {
  description = "Name of that function's execution role, which gets the permission to send to the queue of failed invocations. Empty, it must have it already."
  type        = string
  default     = ""
  validation {
    condition     = can(regex("^[A-Za-z0-9_+=,.@-]{0,64}$", var.function_role_name))
    error_message = "It is the name of the role, which is what follows the last / of its ARN."
  }
}

variable "table_sort_key" {
  description = "Name of the table's sort key, a string. Empty, the partition key pk is the whole key."
  type        = string
  default     = ""
  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{0,255}$", var.table_sort_key))
    error_message = "The sort key has at most 255 letters, digits, underscores, dots and hyphens."
  }
}

variable "table_ttl_attribute" {
  description = "Attribute that says when an item ends, in epoch seconds. Items without it stay."
  type        = string
  default     = "expires_at"
  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{1,255}$", var.table_ttl_attribute))
    error_message = "The attribute has 1 to 255 letters, digits, underscores, dots and hyphens."
  }
}

variable "alarm_email" {
  description = "Address that alarms go to, after it has confirmed the subscription. Empty, they only show in CloudWatch."
  type        = string
  default     = ""
  validation {
    condition     = can(regex("^([^@\\s]+@[^@\\s]+)?$", var.alarm_email))
    error_message = "It is one address of mail, or empty."
  }
}
