package fake

import (
	"encoding/base64"
	"encoding/json"
	"time"
)

const findPath = "/destination-configuration/v1/destinations/"

// Destination is the answer to find for a destination with client certificate authentication and this key store, in PEM.
// Source: https://api.sap.com/api/SAP_CP_CF_Connectivity_Destination
func Destination(name string, keyStore []byte) ([]byte, error) {
	if len(keyStore) == 0 {
		return nil, errNoKey
	}
	const file = "bench.pem"
	return json.Marshal(map[string]any{
		"owner": map[string]any{"SubaccountId": "0d4f6f0e-aaaa-4bbb-8ccc-3f1c6f0e9a11", "InstanceId": nil},
		"destinationConfiguration": map[string]string{
			"Name": name, "Type": "HTTP", "URL": "https://aws.example", "ProxyType": "Internet",
			"Authentication": "ClientCertificateAuthentication", "KeyStoreLocation": file, "KeyStorePassword": "",
		},
		"certificates": []map[string]string{{"Name": file, "Type": "CERTIFICATE", "Content": base64.StdEncoding.EncodeToString(keyStore)}},
	})
}

// session is the answer to CreateSession. Its keys open nothing.
// Source: https://docs.aws.amazon.com/rolesanywhere/latest/userguide/authentication-create-session.html
func session(expiration time.Time) []byte {
	const role = "arn:aws:iam::123456789012:role/bench"
	out, err := json.Marshal(map[string]any{
		"credentialSet": []any{map[string]any{
			"assumedRoleUser": map[string]string{"arn": "arn:aws:sts::123456789012:assumed-role/bench/session", "assumedRoleId": "AROABENCH:session"},
			"credentials": map[string]string{
				"accessKeyId": "ASIABENCH", "secretAccessKey": "bench", "sessionToken": "bench",
				"expiration": expiration.UTC().Format(time.RFC3339),
			},
			"packedPolicySize": 1, "roleArn": role, "sourceIdentity": "CN=bench",
		}},
		"subjectArn": "arn:aws:rolesanywhere:eu-central-1:123456789012:subject/bench",
	})
	if err != nil {
		panic(err) // maps of strings
	}
	return out
}
