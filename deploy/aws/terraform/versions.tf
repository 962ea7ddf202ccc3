terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source = "hashicorp/aws"
      # The first with notification_settings of a trust anchor, and some later ones, are from 2024.
      version = ">= 5.70"
    }
  }
}
