package plan

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"flag"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/cmd/trustbridge/internal/folder"
)

var update = flag.Bool("update", false, "write the golden files")

const fixtures = "../../../../test/testdata/sap-destination/pki/"

// fixture is a certificate of test/testdata.
func fixture(tb testing.TB, name string) *x509.Certificate {
	tb.Helper()
	text, err := os.ReadFile(fixtures + name + ".pem")
	if err != nil {
		tb.Fatal(err)
	}
	block, _ := pem.Decode(text)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// options are those of the fixtures' certificate, with everything given.
func options(tb testing.TB) Options {
	tb.Helper()
	pins, err := NewPins(fixture(tb, "orders"), false)
	if err != nil {
		tb.Fatal(err)
	}
	return Options{
		Root: fixture(tb, "sap-root"), Pins: pins, Functions: Functions(), Lambda: "orders", LambdaRole: "orders-role", Region: "eu-central-1", Destination: "aws-orders", Auth: "none",
		Binding: Binding{ServiceKeyPath: "/keys/service-key.json"}, KeyPath: "/setup/key.pem",
		Template: []byte("template\n"), Create: []byte("create\n"), Terraform: map[string][]byte{"main.tf": []byte("main\n"), "a.tf": []byte("a\n")},
	}
}

func make1(tb testing.TB, o Options) []folder.File {
	tb.Helper()
	files, err := Make(o)
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

// TestScriptsNameWhatTheyMake: the scripts of two set-ups differ in the stack's name and in the region alone.
func TestScriptsNameWhatTheyMake(t *testing.T) {
	one, other := options(t), options(t)
	one.Name, other.Name, other.Region = "trustbridge", "trustbridge-prod", "us-east-1"
	text := func(files []folder.File, path string) string {
		for _, f := range files {
			if f.Path == path {
				return string(f.Content)
			}
		}
		t.Fatalf("%s is not made", path)
		return ""
	}
	for _, script := range Scripts() {
		a, b := text(make1(t, one), script.Path), text(make1(t, other), script.Path)
		if a == b || !strings.Contains(b, other.Region) {
			t.Errorf("%s does not name the region %s", script.Path, other.Region)
		}
		same := strings.NewReplacer(other.Region, one.Region, "stack="+other.Name, "stack="+one.Name).Replace(b)
		if diff := cmp.Diff(a, same); diff != "" {
			t.Errorf("%s differs in more than name and region (-one +other):\n%s", script.Path, diff)
		}
	}
}

// TestGolden compares every file that is made; -update writes what was made.
func TestGolden(t *testing.T) {
	minimal := options(t)
	minimal.Functions, minimal.Lambda, minimal.LambdaRole = []string{"publish-sns"}, "", ""
	minimal.Region, minimal.Auth, minimal.KeyPath, minimal.Binding = "", "", "", Binding{}
	mounted := options(t)
	mounted.Name = "trustbridge-prod"
	mounted.Functions, mounted.Lambda, mounted.LambdaRole = []string{"store-dynamodb"}, "", ""
	mounted.Binding = Binding{ServiceBindingRoot: "/bindings", Name: "orders", Subdomain: "tenant"}
	for name, o := range map[string]Options{"full": options(t), "minimal": minimal, "mounted": mounted} {
		dir := filepath.Join("testdata", name)
		var paths []string
		for _, f := range make1(t, o) {
			if name != "full" && slices.ContainsFunc(Scripts(), func(s Script) bool { return s.Path == f.Path }) {
				continue // they differ in the stack's name and region, which TestScriptsNameWhatTheyMake looks at
			}
			paths = append(paths, f.Path)
			golden := filepath.Join(dir, f.Path)
			if *update {
				if err := os.MkdirAll(filepath.Dir(golden), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(golden, f.Content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(f.Content)); diff != "" {
				t.Errorf("%s/%s (-want +got):\n%s", name, f.Path, diff)
			}
		}
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if relative, _ := filepath.Rel(dir, path); err == nil && !d.IsDir() && !slices.Contains(paths, filepath.ToSlash(relative)) {
				t.Errorf("%s is a golden file of nothing that is made", path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestEnvironmentsAreSettings: a function refuses to start with a variable that it does not have.
func TestEnvironmentsAreSettings(t *testing.T) {
	document, err := os.ReadFile("../../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	all := options(t)
	all.Binding = Binding{"/key.json", "/vcap.json", "/bindings", "orders", "tenant"}
	n := 0
	for _, f := range make1(t, all) {
		if len(f.Holes) == 0 {
			continue
		}
		for _, name := range regexp.MustCompile(`(?m)^ *([A-Z][A-Z_]+)(?:=|: ")`).FindAllSubmatch(f.Content, -1) {
			n++
			if !bytes.Contains(document, fmt.Appendf(nil, "| `%s` |", name[1])) {
				t.Errorf("%s sets %s, which docs/configuration.md does not have", f.Path, name[1])
			}
		}
	}
	if n < 9*7 {
		t.Errorf("the environments have %d variables, want at least 7 each", n)
	}
}

func TestMakeRefuses(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*Options)
		says   string
	}{
		{"no root", func(o *Options) { o.Root = nil }, "required"},
		{"no destination", func(o *Options) { o.Destination = "" }, "required"},
		{"no function", func(o *Options) { o.Functions = nil }, "required"},
		{"unknown function", func(o *Options) { o.Functions = []string{"publish"} }, "publish-sns, store-dynamodb, invoke-lambda"},
		{"no lambda", func(o *Options) { o.Lambda, o.LambdaRole = "", "" }, "needs the name"},
		{"bad lambda", func(o *Options) { o.Lambda = "a b" }, "Lambda function"},
		{"bad role", func(o *Options) { o.LambdaRole = "a b" }, "name of the role"},
		{"role of no function", func(o *Options) { o.Lambda, o.Functions, o.LambdaRole = "", Functions()[:1], "role" }, "there is no function"},
		{"bad name", func(o *Options) { o.Name = "a_b" }, "3 to 40"},
		{"bad alias", func(o *Options) { o.Alias = "a'b" }, "Lambda function"},
		{"bad region", func(o *Options) { o.Region = "'; rm" }, "region"},
		{"line feed in a name", func(o *Options) { o.Destination = "a\nAUTH=none" }, "shell characters"},
		{"command in a name", func(o *Options) { o.Destination = "$(id)" }, "shell characters"},
		{"space in a path", func(o *Options) { o.KeyPath = "/my setup/key.pem" }, "shell characters"},
		{"quote in a path", func(o *Options) { o.Binding.VCAPServicesFilePath = "/it's" }, "shell characters"},
		{"somebody's home", func(o *Options) { o.Binding.Name = "~root" }, "shell characters"},
		{"somebody's home in a path", func(o *Options) { o.Binding.ServiceBindingRoot = "/a:~root" }, "shell characters"},
		{"the name of another role", func(o *Options) { o.Functions, o.Pins.CommonName = Functions()[:1], "trustbridge-invoke-lambda" }, "the role of invoke-lambda"},
		{"line feed in a path", func(o *Options) { o.Binding.ServiceKeyPath = "/a\nb" }, "shell characters"},
		{"no locality", func(o *Options) { o.Pins.Locality = "" }, "condition"},
		{"no common name", func(o *Options) { o.Pins.CommonName = "" }, "condition"},
		{"no issuer", func(o *Options) { o.Pins.Issuers = nil }, "condition"},
		{"empty issuer", func(o *Options) { o.Pins.Issuers = []string{"a", ""} }, "condition"},
		{"large root", func(o *Options) { o.Root = &x509.Certificate{Raw: make([]byte, 3200)} }, "4096"},
	} {
		o := options(t)
		row.change(&o)
		if files, err := Make(o); err == nil || files != nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: Make = %d files, %v, want an error that says %q", row.name, len(files), err, row.says)
		}
	}
}

// TestEnvironmentsAreForShells: a shell that reads an environment has the very values, whatever is plain.
func TestEnvironmentsAreForShells(t *testing.T) {
	o := options(t)
	o.Destination = "a_.:=@+,~-Z9"
	o.Binding = Binding{"/a~b/=k@1+2,3.json", "/v:c", "/r-t", "b_d", "s-u"}
	for _, f := range make1(t, o) {
		if f.Path != "publish-sns.env" {
			continue
		}
		path := filepath.Join(t.TempDir(), "env")
		if err := os.WriteFile(path, f.Content, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), "bash", "-c", `set -eu; . "$1"; printf '%s|' "$DESTINATION_NAME" "$DESTINATION_SERVICE_KEY_PATH" "$VCAP_SERVICES_FILE_PATH" `+
			`"$SERVICE_BINDING_ROOT" "$DESTINATION_BINDING" "$DESTINATION_SUBDOMAIN"`, "bash", path).CombinedOutput()
		if want := o.Destination + "|/a~b/=k@1+2,3.json|/v:c|/r-t|b_d|s-u|"; err != nil || string(out) != want {
			t.Errorf("a shell reads %q (%v), want %q", out, err, want)
		}
	}
}

// TestUnusedRolesAdmitAnotherName: a function that does not use the certificate has a role that it cannot become.
func TestUnusedRolesAdmitAnotherName(t *testing.T) {
	o := options(t)
	o.Functions = []string{"publish-sns"}
	for _, f := range make1(t, o) {
		function, isPolicy := strings.CutPrefix(strings.TrimSuffix(f.Path, ".json"), "trust-policy-")
		if !isPolicy {
			continue
		}
		want := "trustbridge-" + function
		if function == "publish-sns" {
			want = o.Pins.CommonName
		}
		if !bytes.Contains(f.Content, []byte(`"aws:PrincipalTag/x509Subject/CN": "`+want+`"`)) {
			t.Errorf("%s does not pin CN %q:\n%s", f.Path, want, f.Content)
		}
	}
}

func TestNewPins(t *testing.T) {
	issued := func(issuer string, subject pkix.Name) *x509.Certificate {
		key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		ca := &x509.Certificate{Subject: pkix.Name{CommonName: issuer}}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: subject, NotAfter: time.Now()}
		der, err := x509.CreateCertificate(rand.Reader, template, ca, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	name := func(l, cn string) pkix.Name { return pkix.Name{Locality: []string{l}, CommonName: cn} }
	sap := []string{"SAP PKI Certificate Service Client CA", "SAP Cloud Platform Client CA"}
	for _, row := range []struct {
		name    string
		leaf    *x509.Certificate
		sapRoot bool
		want    Pins
		says    string
	}{
		{"the issuer alone", issued("Own CA", name("host/id", "orders")), false, Pins{"host/id", "orders", []string{"Own CA"}}, ""},
		{"both of SAP's", issued(sap[1], name("host/id", "orders")), true, Pins{"host/id", "orders", sap}, ""},
		{"a third of SAP's", issued("SAP Third CA", name("host/id", "orders")), true, Pins{"host/id", "orders", []string{"SAP Third CA"}}, ""},
		{"SAP's names under another root", issued(sap[0], name("host/id", "orders")), false, Pins{"host/id", "orders", sap[:1]}, ""},
		{"two localities", issued("Own CA", pkix.Name{Locality: []string{"a", "b"}, CommonName: "orders"}), false, Pins{"a/b", "orders", []string{"Own CA"}}, ""},
		{"no L", issued("Own CA", pkix.Name{CommonName: "orders"}), false, Pins{}, "no x509Subject/L"},
		{"no CN", issued("Own CA", pkix.Name{Locality: []string{"a"}}), false, Pins{}, "no x509Subject/CN"},
		{"no CN of the issuer", issued("", name("a", "orders")), false, Pins{}, "no x509Issuer/CN"},
		{"L dropped", issued("Own CA", name("a,b", "orders")), false, Pins{}, `drops x509Subject/L="a,b"`},
		{"CN dropped", issued("Own CA", name("a", "orders*")), false, Pins{}, `drops x509Subject/CN="orders*"`},
		{"issuer dropped", issued("Own CA (test)", name("a", "orders")), false, Pins{}, `drops x509Issuer/CN="Own CA (test)"`},
	} {
		got, err := NewPins(row.leaf, row.sapRoot)
		if diff := cmp.Diff(row.want, got); diff != "" || (err == nil) != (row.says == "") || err != nil && !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: NewPins = %+v, %v, want %+v and an error that says %q", row.name, got, err, row.want, row.says)
		}
	}
}

func Example() {
	text, err := os.ReadFile(fixtures + "orders.pem")
	if err != nil {
		fmt.Println(err)
		return
	}
	block, _ := pem.Decode(text)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		fmt.Println(err)
		return
	}
	pins, err := NewPins(leaf, false)
	fmt.Println(pins.CommonName, pins.Issuers, err)
	// Output: trustbridge-orders [Test PKI Certificate Service Client CA] <nil>
}
