// Package plan makes the files of a set-up from a certificate chain and a few choices.
//
// [Make] is the one call; it is pure. [NewPins] reads from the chain what the trust policies hold on to.
//
// It promises that no trust policy is without its four conditions (anchor, locality, common name, issuers), that none is on a
// value that AWS drops from a session's tags, and that no file holds a secret. It judges neither root nor validity.
package plan

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/trustbridge/trustbridge/cmd/trustbridge/internal/folder"
)

// Functions are the names of the functions, in the order of all lists.
func Functions() []string { return []string{"publish-sns", "store-dynamodb", "invoke-lambda"} }

// InvokeLambda is the function that needs to know which Lambda function it invokes.
const InvokeLambda = "invoke-lambda"

// Options is what the files are made of.
type Options struct {
	// Root becomes the trust anchor; required.
	Root *x509.Certificate
	// Pins are the trust policies' conditions; required.
	Pins Pins
	// Functions use the certificate, and get environments; at least one. The roles of the others admit their own default names.
	Functions []string
	// Lambda is the name of the function to invoke, required by invoke-lambda; Alias is under which alias or version, "" means
	// live.
	Lambda, Alias string
	// LambdaRole is the name of that function's execution role, which gets the permission to send failed invocations to their
	// queue; "" means that it has it already.
	LambdaRole string
	// Name is what topic, queue, table, trust anchor, profile and stack are called; "" means trustbridge.
	Name string
	// Region is where the scripts work; "" leaves it to the AWS CLI's and Terraform's own configuration.
	Region string
	// Destination is the destination's name; required.
	Destination string
	// Auth is the setting AUTH of the plain environments; "" leaves it out, for a human to decide.
	Auth string
	// Binding says how the functions find the service binding.
	Binding Binding
	// KeyPath is where the private key of CSR mode is on this machine, "" if the key is in the Destination service.
	KeyPath string
	// Template, Create and Terraform are the files of deploy/aws, the last by their names.
	Template, Create []byte
	Terraform        map[string][]byte
}

// Binding is how a function that runs on this machine finds the service binding. Paths are absolute; the zero value means that
// the platform gives it as VCAP_SERVICES.
type Binding struct {
	ServiceKeyPath, VCAPServicesFilePath, ServiceBindingRoot, Name string
	// Subdomain is the subscriber's for whom tokens are fetched, wherever the function runs; "" means the binding's own.
	Subdomain string
}

// Names of the files that others refer to.
const (
	KeyName       = "key.pem"
	AnchorName    = "trust-anchor.pem"
	ParameterName = "parameters.json"
)

// anchorMax is the largest value of a CloudFormation parameter, in bytes.
//
// Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const anchorMax = 4096

// Make makes the files, in an order for reading.
func Make(o Options) ([]folder.File, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	anchor := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: o.Root.Raw})
	if len(anchor) > anchorMax {
		return nil, fmt.Errorf("make parameters: the root has %d bytes in PEM, and a parameter of CloudFormation ends at %d", len(anchor), anchorMax)
	}
	files := []folder.File{{Path: AnchorName, Content: anchor}}
	for _, function := range Functions() {
		files = append(files, folder.File{Path: "trust-policy-" + function + ".json", Content: o.Pins.policy(o.commonName(function))})
	}
	files = append(files, o.parameterFiles(anchor)...)
	files = append(files, folder.File{Path: "template.yaml", Content: o.Template}, folder.File{Path: "create.sh", Content: o.Create})
	for _, name := range sorted(o.Terraform) {
		files = append(files, folder.File{Path: "terraform/" + name, Content: o.Terraform[name]})
	}
	files = append(files, o.scripts()...)
	return append(files, o.environments()...), nil
}

// Forms of what goes into files. plainForm is what nothing takes for its own that reads an environment file, neither docker nor
// systemd nor a shell, of which each has other quotes; homeForm is where a shell would put somebody's home. What goes into scripts
// and parameters alone is quoted, and what goes into YAML is JSON.
var (
	plainForm  = regexp.MustCompile(`^[A-Za-z0-9_./:=@+,~-]*$`)
	homeForm   = regexp.MustCompile(`(^|:)~`)
	regionForm = regexp.MustCompile(`^([a-z]{2,}(-[a-z0-9]+)+-[0-9]+)?$`)
	// Source: https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
	lambdaForm = regexp.MustCompile(`^([A-Za-z0-9_-]{1,64})?$`)
	// Source: https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html
	aliasForm = regexp.MustCompile(`^([A-Za-z0-9_-]{1,128})?$`)
	// Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
	roleForm = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{0,64}$`)
	// nameForm is what template.yaml takes that is the name of a stack too.
	nameForm = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]{2,39})?$`)
)

// Plain tells whether a value can stand in an environment file as it is, where no quotes mean the same to all who read it.
func Plain(value string) bool { return plainForm.MatchString(value) && !homeForm.MatchString(value) }

// OwnerOf is the function whose role admits the common name though it does not use the certificate, "" if there is none: a
// certificate of that name could become two roles.
func OwnerOf(commonName string, functions []string) string {
	for _, f := range Functions() {
		if commonName == defaultName(f) && !slices.Contains(functions, f) {
			return f
		}
	}
	return ""
}

func (o Options) check() error {
	if err := o.Pins.check(); err != nil {
		return err
	}
	if f := OwnerOf(o.Pins.CommonName, o.Functions); f != "" {
		return fmt.Errorf("make trust policies: the certificate has the CN %q, by which the role of %s tells its own certificate, and %s is not among the "+
			"functions that use this one; name it with --function, or take a certificate with another CN", o.Pins.CommonName, f, f)
	}
	for _, v := range []string{
		o.Destination, o.Auth, o.KeyPath,
		o.Binding.ServiceKeyPath, o.Binding.VCAPServicesFilePath, o.Binding.ServiceBindingRoot, o.Binding.Name, o.Binding.Subdomain,
	} {
		if !Plain(v) {
			return fmt.Errorf("make environments: %q cannot stand in an environment file; choose a name without spaces and shell characters", v)
		}
	}
	for _, f := range o.Functions {
		if !slices.Contains(Functions(), f) {
			return fmt.Errorf("make environments: no function is called %q; there are %s", f, strings.Join(Functions(), ", "))
		}
	}
	switch {
	case o.Root == nil || o.Destination == "" || len(o.Functions) == 0:
		return errors.New("make environments: root, destination and functions are required")
	case !regionForm.MatchString(o.Region):
		return fmt.Errorf("make scripts: %q is no region of AWS, for example eu-central-1", o.Region)
	case !lambdaForm.MatchString(o.Lambda) || !aliasForm.MatchString(o.Alias):
		return fmt.Errorf("make parameters: %q is no name of a Lambda function, for example orders or orders:live", strings.TrimSuffix(o.Lambda+":"+o.Alias, ":"))
	case !roleForm.MatchString(o.LambdaRole) || o.LambdaRole != "" && o.Lambda == "":
		return fmt.Errorf("make parameters: %q is no name of the role of a Lambda function, or there is no function", o.LambdaRole)
	case !nameForm.MatchString(o.Name):
		return fmt.Errorf("make parameters: %q is no name for what is made: 3 to 40 letters, digits and hyphens, a letter first", o.Name)
	case slices.Contains(o.Functions, InvokeLambda) && o.Lambda == "":
		return errors.New("make parameters: invoke-lambda needs the name of the Lambda function to invoke")
	}
	return nil
}

// commonName is the name that a function's role admits: the certificate's, or for a function that does not use it, the
// template's default, so that this certificate cannot become that role.
func (o Options) commonName(function string) string {
	if slices.Contains(o.Functions, function) {
		return o.Pins.CommonName
	}
	return defaultName(function)
}

// defaultName is what deploy/aws/template.yaml has.
func defaultName(function string) string { return "trustbridge-" + function }

func sorted(m map[string][]byte) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
