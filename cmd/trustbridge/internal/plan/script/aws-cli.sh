# Makes trust anchor, roles, profile and targets by create.sh with the AWS CLI, and fills in the functions' environments.

bash create.sh . >"$new"
