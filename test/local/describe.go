package local

import (
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"strings"

	"github.com/trustbridge/trustbridge/test/local/aws"
	"github.com/trustbridge/trustbridge/test/local/btp"
)

// Description is what another process needs to know of a stand and its scenario.
type Description struct {
	// Environments configure the functions, as NAME=value, by the function's name.
	Environments map[string][]string `json:"environments"`
	// AWSURL, BTPURL and ControlURL are where the parts are reached, and CAPath the certificate to check the first two by.
	AWSURL     string `json:"aws_url"`
	BTPURL     string `json:"btp_url"`
	ControlURL string `json:"control_url"`
	CAPath     string `json:"ca_path"`
	// ServiceKeyPath is the service key of the Destination service.
	ServiceKeyPath string `json:"service_key_path"`
	// Region, QueueURL and the keys are for a subscriber's AWS client. The keys may do everything, here and nowhere else.
	Region          string `json:"region"`
	QueueURL        string `json:"queue_url"`
	Table           string `json:"table"`
	AccessKeyID     string `json:"access_key_id"`
	SecretAccessKey string `json:"secret_access_key"`
	// Root is the SHA-256 of the trust anchor's certificate, in hexadecimal with colons.
	Root string `json:"root"`
	// Steps are the set-up.
	Steps []Step `json:"steps"`
}

// Describe describes the scenario. The CA certificate and the service key are written into folder.
func (c *Scenario) Describe(folder, controlURL string) (*Description, error) {
	environments := make(map[string][]string)
	for _, function := range []string{"publish-sns", "store-dynamodb", "invoke-lambda"} {
		environment, err := c.Environment(function, folder)
		if err != nil {
			return nil, err
		}
		environments[function] = environment
	}
	seed := c.stand.AWS.Seed()
	d := &Description{
		Environments: environments, AWSURL: c.stand.AWSURL(), BTPURL: c.stand.BTPURL(), ControlURL: controlURL,
		Region: strings.Split(c.TopicARN, ":")[3], QueueURL: c.QueueURL(), Table: "orders",
		AccessKeyID: seed.AccessKeyID, SecretAccessKey: seed.SecretAccessKey,
		Root: Fingerprint(c.stand.pki.Root()), Steps: c.Steps,
	}
	for _, line := range environments["publish-sns"] {
		if path, found := strings.CutPrefix(line, "AWS_CA_BUNDLE="); found {
			d.CAPath = path
		}
		if path, found := strings.CutPrefix(line, "DESTINATION_SERVICE_KEY_PATH="); found {
			d.ServiceKeyPath = path
		}
	}
	return d, nil
}

// Fingerprint is the SHA-256 of a certificate as people compare it: upper-case hexadecimal with colons.
func Fingerprint(c *x509.Certificate) string {
	return strings.ReplaceAll(fmt.Sprintf("% X", sha256.Sum256(c.Raw)), " ", ":")
}

// Requests is what was asked of both parts.
type Requests struct {
	BTP []btp.Record
	AWS []aws.Record
}

// Requests are the latest requests of both parts, each in the order in which they were answered.
func (s *Stand) Requests() Requests {
	return Requests{BTP: s.BTP.Requests(), AWS: s.AWS.Requests()}
}
