package command

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	deploy "github.com/trustbridge/trustbridge/deploy/aws"

	"github.com/trustbridge/trustbridge/cmd/trustbridge/internal/plan"
	"github.com/trustbridge/trustbridge/cmd/trustbridge/internal/setup"
	"github.com/trustbridge/trustbridge/shared/binding"
	"github.com/trustbridge/trustbridge/shared/destination"
)

// forms of values.
var (
	// commonNameForm is what neither the source identity nor the tags of a session lose.
	commonNameForm  = regexp.MustCompile(`^[A-Za-z0-9_.@=+-]{2,61}$`)
	validityForm    = regexp.MustCompile(`^([0-9]{1,3})(d|mo|y)$`)
	regionForm      = regexp.MustCompile(`^[a-z]{2,}(-[a-z0-9]+)+-[0-9]+$`)
	roleForm        = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{1,64}$`)
	nameForm        = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{2,39}$`)
	lambdaForm      = regexp.MustCompile(`^([A-Za-z0-9_-]{1,64})(?::([A-Za-z0-9_-]{1,128}))?$`)
	destinationForm = regexp.MustCompile(`^[^\x00-\x1f\x7f/]{1,200}$`)
	keyStoreForm    = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,200}\.(pem|p12|pfx|jks|cer|crt)$`)
)

// options are the flags with the environment behind them, checked. changed tells whether a flag was given. Errors are of usage.
func (f *setupFlags) options(environment []string, changed func(flag string) bool) (o setup.Options, s binding.Sources, err error) {
	v := variables(environment)
	either := func(flag, variable string) string {
		if flag != "" {
			return flag
		}
		return v[variable]
	}
	o = setup.Options{
		Destination: either(f.destination, "DESTINATION_NAME"), Certificate: f.certificate, Level: destination.Level(f.level),
		Create: f.create, CommonName: f.cn, CSR: f.csr, Folder: filepath.Clean(f.folder), Force: f.force,
	}
	if err := f.check(o.Destination, changed); err != nil {
		return o, s, err
	}
	if o.Validity, err = parseValidity(f.validity); err != nil {
		return o, s, err
	}
	if f.acceptRoot != "" {
		if o.AcceptRoot, err = setup.ParseFingerprint(f.acceptRoot); err != nil {
			return o, s, usage("--accept-root: %w", err)
		}
	}
	if o.KeyPath, err = filepath.Abs(filepath.Join(o.Folder, plan.KeyName)); err != nil {
		return o, s, usage("--folder: %w", err)
	}
	if s, err = f.sources(v, either); err != nil {
		return o, s, err
	}
	if o.Plan, err = f.plan(s, either(f.subdomain, "DESTINATION_SUBDOMAIN"), changed); err != nil {
		return o, s, err
	}
	if err := f.checkPlain(o); err != nil {
		return o, s, err
	}
	if !slices.Contains(o.Plan.Functions, plan.InvokeLambda) && !changed("function") {
		o.Notes = []string{"invoke-lambda has no role and no environment: --lambda NAME:ALIAS names the function that it is to invoke, whose alias (live without one) must be there, and --lambda-role its execution role"}
	}
	if o.Plan.Lambda != "" {
		alias := o.Plan.Alias
		if alias == "" {
			alias = "live"
		}
		o.Notes = append(o.Notes, fmt.Sprintf("the Lambda function %s and its alias %s must be there before a script runs: --lambda NAME:ALIAS names another", o.Plan.Lambda, alias))
	}
	if o.Plan.Lambda != "" && f.lambdaRole == "" {
		o.Notes = append(o.Notes, "Lambda refuses the on-failure destination unless the execution role of "+o.Plan.Lambda+" may send to that queue: --lambda-role names the role to be allowed it")
	}
	return o, s, nil
}

// check is everything that can be said of the flags alone.
func (f *setupFlags) check(name string, changed func(string) bool) error {
	switch {
	case name == "":
		return usage("--destination is missing: the name of the destination that holds, or will hold, the certificate")
	case !destinationForm.MatchString(name):
		return usage("--destination %q is no name of a destination: up to 200 characters, none of them / or a control character", name)
	case f.certificate != "" && !keyStoreForm.MatchString(f.certificate):
		return usage("--certificate %q is no name of a key store, for example orders.pem", f.certificate)
	case !slices.Contains([]string{"", string(destination.Instance), string(destination.Subaccount)}, f.level):
		return usage("--level %q is neither instance nor subaccount", f.level)
	case f.output != "text" && f.output != "json":
		return usage("--output %q is neither text nor json", f.output)
	case f.folder == "":
		return usage("--folder is empty: the name of a folder, which is made if it is not there")
	case f.auth != "" && f.auth != "none":
		return usage("--auth %q needs more settings than its name: leave --auth out and write them into the environments, or give none", f.auth)
	case f.region != "" && !regionForm.MatchString(f.region):
		return usage("--region %q is no region of AWS, for example eu-central-1", f.region)
	case !nameForm.MatchString(f.name):
		return usage("--name %q is no name: 3 to 40 letters, digits and hyphens, a letter first", f.name)
	case f.lambdaRole != "" && !roleForm.MatchString(f.lambdaRole):
		return usage("--lambda-role %q is no name of a role; take what follows the last / of its ARN", f.lambdaRole)
	case f.lambdaRole != "" && f.lambda == "":
		return usage("--lambda-role is about a Lambda function: it needs --lambda")
	case f.cn != "" && !commonNameForm.MatchString(f.cn):
		return usage("--cn %q is no common name that AWS keeps: 2 to 61 of A-Z a-z 0-9 _ . @ = + -", f.cn)
	case f.create && f.cn == "" && !commonNameForm.MatchString("trustbridge-"+name):
		return usage("--cn is missing: %q cannot be made a common name of, which has 2 to 61 of A-Z a-z 0-9 _ . @ = + -", name)
	case f.create && f.certificate != "" && !strings.HasSuffix(f.certificate, ".pem"):
		return usage("--certificate %q cannot be made: the functions read key stores in PEM; choose a name that ends in .pem", f.certificate)
	case f.create && f.certificate == "" && !keyStoreForm.MatchString(name+".pem"):
		return usage("--certificate is missing: %q cannot be made the name of a key store of", name)
	}
	for _, flag := range []string{"cn", "validity", "csr"} {
		if changed(flag) && !f.create {
			return usage("--%s is about a new certificate: it needs --create", flag)
		}
	}
	return nil
}

// checkPlain refuses what could not be written into the environments, and a common name that is another function's, before
// anything is made for it.
func (f *setupFlags) checkPlain(o setup.Options) error {
	key := ""
	if o.CSR {
		key = o.KeyPath
	}
	b := o.Plan.Binding
	for _, v := range []struct{ flag, value string }{
		{"destination", o.Destination}, {"folder", key}, {"service-key", b.ServiceKeyPath}, {"vcap-services-file", b.VCAPServicesFilePath},
		{"service-binding-root", b.ServiceBindingRoot}, {"binding", b.Name}, {"subdomain", b.Subdomain},
	} {
		if !plan.Plain(v.value) {
			return usage("--%s: %q cannot stand in an environment file that docker, systemd or a shell reads; choose a name without spaces and shell characters: "+
				"A-Z a-z 0-9 _ . / : = @ + , ~ -", v.flag, v.value)
		}
	}
	cn := o.CommonName
	if cn == "" {
		cn = "trustbridge-" + o.Destination
	}
	if owner := plan.OwnerOf(cn, o.Plan.Functions); owner != "" && o.Create {
		return usage("--cn: by %q the role of %s tells its own certificate, and %s is not among the functions that use this one; choose another --cn or --destination, "+
			"or name it with --function", cn, owner, owner)
	}
	return nil
}

// sources is where the binding is looked for: as the functions do, flags before variables.
func (f *setupFlags) sources(v map[string]string, either func(flag, variable string) string) (binding.Sources, error) {
	s := binding.Sources{
		Root: either(f.root, "SERVICE_BINDING_ROOT"), DefaultRoot: binding.DefaultRoot,
		VCAPServices: v["VCAP_SERVICES"], VCAPServicesFilePath: either(f.vcapFile, "VCAP_SERVICES_FILE_PATH"),
		ServiceKeyPath: either(f.serviceKey, "DESTINATION_SERVICE_KEY_PATH"), Name: either(f.binding, "DESTINATION_BINDING"),
	}
	if s.ServiceKeyPath != "" && s.Name != "" {
		return s, usage("--service-key and --binding (DESTINATION_SERVICE_KEY_PATH and DESTINATION_BINDING) contradict each other: " +
			"a service key is the only binding that is looked at")
	}
	for _, path := range []*string{&s.Root, &s.VCAPServicesFilePath, &s.ServiceKeyPath} {
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return s, usage("%s: %w", *path, err)
		}
		*path = absolute
	}
	if f.vcapFile != "" {
		s.VCAPServices = "" // what is written on the command line is meant
	}
	return s, nil
}

// plan is what the files are made of, as far as flags say it.
func (f *setupFlags) plan(s binding.Sources, subdomain string, changed func(string) bool) (plan.Options, error) {
	o := plan.Options{
		Functions: slices.Clone(f.functions), Name: f.name, LambdaRole: f.lambdaRole, Region: f.region, Auth: f.auth,
		Template: deploy.Template, Create: deploy.Create,
		Binding: plan.Binding{ServiceKeyPath: s.ServiceKeyPath, VCAPServicesFilePath: s.VCAPServicesFilePath, ServiceBindingRoot: s.Root, Name: s.Name},
	}
	if s.ServiceKeyPath != "" {
		o.Binding = plan.Binding{ServiceKeyPath: s.ServiceKeyPath}
	}
	o.Binding.Subdomain = subdomain
	for _, function := range o.Functions {
		if !slices.Contains(plan.Functions(), function) {
			return o, usage("--function %q is none of %s", function, strings.Join(plan.Functions(), ", "))
		}
	}
	if len(o.Functions) == 0 {
		return o, usage("--function is empty: one or more of %s", strings.Join(plan.Functions(), ", "))
	}
	switch name := lambdaForm.FindStringSubmatch(f.lambda); {
	case f.lambda != "" && name == nil:
		return o, usage("--lambda %q is no name of a Lambda function: NAME or NAME:ALIAS, for example orders:live", f.lambda)
	case f.lambda != "":
		o.Lambda, o.Alias = name[1], name[2]
	case changed("function") && slices.Contains(o.Functions, plan.InvokeLambda):
		return o, usage("--lambda is missing: the name of the Lambda function that invoke-lambda invokes")
	default: // there is nothing to invoke
		o.Functions = slices.DeleteFunc(o.Functions, func(f string) bool { return f == plan.InvokeLambda })
	}
	var err error
	o.Terraform, err = terraformFiles()
	return o, err
}

func parseValidity(s string) (setup.Validity, error) {
	parts := validityForm.FindStringSubmatch(s)
	if parts != nil {
		n, err := strconv.Atoi(parts[1])
		most := map[string]int{"d": 365, "mo": 12, "y": 1}[parts[2]]
		if err == nil && n >= 1 && n <= most {
			return setup.Validity{Unit: map[string]string{"d": setup.Days, "mo": setup.Months, "y": setup.Years}[parts[2]], Value: n}, nil
		}
	}
	return setup.Validity{}, usage("--validity %q is none: 1d to 365d, 1mo to 12mo, or 1y", s)
}
