# What create.sh is called with: the parameters of template.yaml, but for TrustAnchorCertificate,
# which is in trust-anchor.pem.
Name='trustbridge'
SubjectLocality='destination-configuration.cfapps.xx10.test.example/6b0f2e94-7c1d-4a58-9e33-d20c84f5a716'
IssuerCommonNames='Test PKI Certificate Service Client CA'
PublishSnsCommonName='trustbridge-orders'
StoreDynamodbCommonName='trustbridge-store-dynamodb'
InvokeLambdaCommonName='trustbridge-invoke-lambda'
FunctionName=''
FunctionAlias='live'
FunctionRoleName=''
