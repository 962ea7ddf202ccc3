package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trustbridge/trustbridge/cmd/trustbridge/internal/plan"
	"github.com/trustbridge/trustbridge/cmd/trustbridge/internal/setup"
	"github.com/trustbridge/trustbridge/shared/binding"
	"github.com/trustbridge/trustbridge/shared/destination"
)

// setupFlags are the flags of setup as they were given.
type setupFlags struct {
	destination, certificate, level        string
	create, csr                            bool
	cn, validity                           string
	acceptRoot                             string
	folder                                 string
	force                                  bool
	output                                 string
	functions                              []string
	lambda, lambdaRole, name, region, auth string
	serviceKey, binding, vcapFile, root    string
	subdomain                              string
}

// newSetup is the command setup.
func newSetup(p Process) *cobra.Command {
	var f setupFlags
	c := &cobra.Command{
		Use:   "setup --destination NAME",
		Short: "Do the one-time set-up of certificate, trust anchor, roles and profile",
		Long: `Finds the certificate of a destination in the SAP BTP Destination service (or makes both, with --create), reads
its chain without the private key, shows every certificate, and says whether AWS will accept it. Then writes a
folder with all that the AWS side is made of, and the functions are configured with:

  trust-anchor.pem          the root of the chain, which must be SAP's, or the one that --accept-root names
  trust-policy-*.json       of each function's role: only this subaccount, common name, issuer and anchor
  parameters.*, *.tfvars.*  the parameters for create.sh, CloudFormation and Terraform
  aws-cli.sh, cloudformation.sh, terraform.sh
                            each makes the AWS side in its way, and fills in the environments
  *.env, openfaas/, knative/
                            the functions' environments

It makes nothing in AWS and needs no credentials for it. The service binding is looked for as the functions do:
VCAP_SERVICES, SERVICE_BINDING_ROOT, a service key. Nothing is overwritten without --force; a second run changes
nothing and says so, and completes one that was cut short. No secret is printed or copied.

Exit code: 0 done or nothing to do, 1 failed, 2 wrong usage.`,
		Example: `  # Set up from a service key, and make destination and certificate
  trustbridge setup --service-key service-key.json --destination aws-orders --create

  # The same with the private key kept here; invoke-lambda will invoke the alias "live" of the function "orders"
  trustbridge setup --service-key service-key.json --destination aws-orders --create --csr \
    --lambda orders --lambda-role orders-role

  # Use what is there, under a CA of your own, and read the result with a script
  trustbridge setup --destination aws-orders --accept-root 12:34:…:EF --output json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSetup(cmd, p, &f) },
	}
	s := c.Flags()
	s.SortFlags = false
	s.StringVar(&f.destination, "destination", "", "destination that names the certificate (or DESTINATION_NAME)")
	s.StringVar(&f.certificate, "certificate", "", "key store of the certificate; default as the destination says, DESTINATION.pem for a new one")
	s.StringVar(&f.level, "level", "", "instance or subaccount; default where the destination is, instance for a new one")
	s.BoolVar(&f.create, "create", false, "make the certificate, with automatic renewal, and the destination, as far as they are missing")
	s.StringVar(&f.cn, "cn", "", "common name of a new certificate, 2 to 61 of A-Z a-z 0-9 _ . @ = + - (default trustbridge-DESTINATION)")
	s.StringVar(&f.validity, "validity", "30d", "validity of a new certificate: 1d to 365d, 1mo to 12mo, 1y")
	s.BoolVar(&f.csr, "csr", false, "make the private key here, in FOLDER/key.pem, and give the service a request only")
	s.StringVar(&f.acceptRoot, "accept-root", "", "SHA-256 of the root to trust in the place of SAP's")
	s.StringVar(&f.folder, "folder", "trustbridge-setup", "where to write")
	s.BoolVar(&f.force, "force", false, "replace files that differ; a private key never")
	s.StringSliceVar(&f.functions, "function", plan.Functions(), "functions that use the certificate")
	s.StringVar(&f.lambda, "lambda", "", "Lambda function that invoke-lambda invokes, NAME or NAME:ALIAS (default alias live)")
	s.StringVar(&f.lambdaRole, "lambda-role", "", "execution role of that function, to be allowed to send failed invocations to their queue; default it is already")
	s.StringVar(&f.name, "name", "trustbridge", "what is made in AWS is called so: topic, queue, table, trust anchor, profile, stack")
	s.StringVar(&f.region, "region", "", "AWS region of the scripts; default as the AWS CLI and Terraform are configured")
	s.StringVar(&f.auth, "auth", "", "none lets everyone who reaches a function send events; default leaves AUTH for you to write")
	s.StringVar(&f.serviceKey, "service-key", "", "file with a service key, as SAP prints it (or DESTINATION_SERVICE_KEY_PATH)")
	s.StringVar(&f.binding, "binding", "", "which binding, if there are several (or DESTINATION_BINDING)")
	s.StringVar(&f.vcapFile, "vcap-services-file", "", "file with VCAP_SERVICES (or VCAP_SERVICES_FILE_PATH)")
	s.StringVar(&f.root, "service-binding-root", "", "folder of mounted bindings (or SERVICE_BINDING_ROOT)")
	s.StringVar(&f.subdomain, "subdomain", "", "subdomain of the subscriber for whom tokens are fetched (or DESTINATION_SUBDOMAIN)")
	s.StringVarP(&f.output, "output", "o", "text", "text, or json for scripts")
	return c
}

func runSetup(cmd *cobra.Command, p Process, f *setupFlags) error {
	o, sources, err := f.options(p.Environment, cmd.Flags().Changed)
	if err != nil {
		return err
	}
	service, err := destination.NewAdmin(destination.Config{
		Binding: func() (*binding.Binding, error) { return binding.Find(sources) }, Subdomain: o.Plan.Binding.Subdomain,
	})
	if err != nil {
		return usageError{err}
	}
	defer service.Close()
	report, err := setup.Run(cmd.Context(), service, o, p.Now)
	if f.output == "json" {
		e := json.NewEncoder(p.Stdout)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(report); err != nil {
			return failure{error: fmt.Errorf("write the report: %w", err)}
		}
	} else {
		report.Text(p.Stdout)
	}
	if err == nil {
		return nil
	}
	return failure{error: err, hint: hint(err, sources)}
}

// hint is the next step, "" where the error says it.
func hint(err error, s binding.Sources) string {
	if e, is := errors.AsType[*setup.Error](err); is {
		return e.Hint
	}
	if e, is := errors.AsType[*binding.Error](err); is && e.Kind == binding.NoBinding {
		return "give a service key of the Destination service with --service-key"
	}
	if e, is := errors.AsType[*binding.Error](err); is && e.Kind == binding.SeveralBindings {
		return "choose one with --binding"
	}
	if e, is := errors.AsType[*binding.Error](err); is && s.ServiceKeyPath != "" && (e.Kind == binding.Unreadable || e.Kind == binding.IncompleteBinding) {
		return "--service-key (or DESTINATION_SERVICE_KEY_PATH) names that file: give the one with the service key of an instance of the Destination service, as SAP prints it"
	}
	return ""
}

// variables is the environment as a map; of a name that stands twice the last wins.
func variables(lines []string) map[string]string {
	m := make(map[string]string, len(lines))
	for _, line := range lines {
		name, value, _ := strings.Cut(line, "=")
		m[name] = value
	}
	return m
}
