package binding

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf16"
)

const dir = "../../test/testdata/sap-destination/"

// secret is the client secret of the fixtures.
const secret = "5e7d19a0$Rk+v/0=&x"

type row struct {
	VCAP     string `json:"VCAP_SERVICES"`
	VCAPPath string `json:"VCAP_SERVICES_FILE_PATH"`
	Root     string `json:"SERVICE_BINDING_ROOT"`
	SAPBTP   string `json:"sapbtp"`
	Name     string
	Result   string
	Error    string
	Lists    []string
}

func rows(tb testing.TB) (all []row, want map[string]string) {
	tb.Helper()
	var index struct {
		Bindings []row
		Values   struct{ Secret map[string]string } `json:"binding_values"`
	}
	if err := json.Unmarshal(read(tb, "index.json"), &index); err != nil {
		tb.Fatal(err)
	}
	return index.Bindings, index.Values.Secret
}

func read(tb testing.TB, path string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.FromSlash(dir + path))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// sources are those of a row; relaid, if not nil, gives a folder in another form.
func (r row) sources(t *testing.T, relaid func(string) string) Sources {
	t.Helper()
	folder := func(path string) string {
		if path == "" || relaid == nil {
			return filepath.FromSlash(path)
		}
		return relaid(filepath.FromSlash(dir + path))
	}
	s := Sources{Name: r.Name, Root: folder(r.Root), DefaultRoot: folder(r.SAPBTP)}
	if relaid == nil {
		for _, root := range []*string{&s.Root, &s.DefaultRoot} {
			if *root != "" {
				*root = filepath.FromSlash(dir) + *root
			}
		}
	}
	if r.VCAP != "" {
		s.VCAPServices = string(read(t, r.VCAP))
	}
	if r.VCAPPath != "" {
		s.VCAPServicesFilePath = filepath.FromSlash(dir + r.VCAPPath)
	}
	return s
}

// found is what Find says in the fixtures' year: one row is about expiry.
func found(t *testing.T, s Sources) (b *Binding, err error) {
	synctest.Test(t, func(*testing.T) {
		time.Sleep(time.Until(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)))
		b, err = Find(s)
	})
	return b, err
}

func TestFindFixtures(t *testing.T) {
	all, want := rows(t)
	for _, r := range all {
		r.check(t, r.sources(t, nil), want)
	}
	if len(all) != 20 {
		t.Errorf("%d rows, want 20", len(all))
	}
}

// check holds Find to a row of the fixtures.
func (r row) check(t *testing.T, s Sources, want map[string]string) {
	t.Helper()
	name := fmt.Sprintf("%s%s%s%s %s", r.VCAP, r.VCAPPath, r.Root, r.SAPBTP, r.Name)
	b, err := found(t, s)
	if r.Result != "error" {
		if err != nil {
			t.Errorf("%s: Find = %v, want a binding", name, err)
			return
		}
		got := map[string]string{"clientid": b.ClientID, "clientsecret": b.ClientSecret.Reveal(), "url": b.URL, "uri": b.URI}
		if x509 := r.Result == "x509"; x509 {
			got["clientsecret"] = want["clientsecret"] // checked below
			if b.Certificate.IsZero() || !b.ClientSecret.IsZero() || b.CertURL != "https://testbridge.authentication.cert.xx10.test.example" || len(b.Certificate.Reveal().Certificate) != 3 {
				t.Errorf("%s: Find = %v, want a client with a certificate, its issuers and its own endpoint", name, b)
			}
		} else if !b.Certificate.IsZero() || b.CertURL != "" {
			t.Errorf("%s: Find = %v, want a client with a secret", name, b)
		}
		for k, v := range want {
			if got[k] != v {
				t.Errorf("%s: %s = %q, want %q", name, k, got[k], v)
			}
		}
		if b.UAADomain != "authentication.xx10.test.example" || b.Name == "" {
			t.Errorf("%s: domain %q, name %q; want both", name, b.UAADomain, b.Name)
		}
		return
	}
	e, _ := errors.AsType[*Error](err)
	if e == nil || e.Kind.String() != r.Error || b != nil {
		t.Errorf("%s: Find = %v, want %s", name, err, r.Error)
		return
	}
	for _, part := range r.Lists {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s: the error %q does not name %q", name, err, part)
		}
	}
	if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "BEGIN") {
		t.Errorf("%s: the error %q shows a secret", name, err)
	}
	if e.Outage() || e.RetryableError() || e.Detail() == "" || strings.Contains(e.Detail(), "tb-destination") {
		t.Errorf("%s: outage %v, retryable %v, detail %q; want false, false and a sentence without names", name, e.Outage(), e.RetryableError(), e.Detail())
	}
}

// credentials is the credentials object of the fixture, as a service key is.
func credentials(tb testing.TB) []byte {
	tb.Helper()
	var v map[string][]struct{ Credentials json.RawMessage }
	if err := json.Unmarshal(read(tb, "bindings/vcap-secret.json"), &v); err != nil {
		tb.Fatal(err)
	}
	return v["destination"][0].Credentials
}

func TestServiceKey(t *testing.T) {
	key := credentials(t)
	for name, r := range map[string]struct {
		content string
		kind    Kind // 0 for a binding
	}{
		"as SAP prints it":                {string(key), 0},
		"as cf prints it":                 {`{"credentials":` + string(key) + `}`, 0},
		"byte order mark":                 {"\ufeff" + string(key), 0},
		"line feed at the end":            {string(key) + "\n", 0},
		"slash at the end of the URLs":    {strings.ReplaceAll(string(key), `.example"`, `.example/"`), 0},
		"no secret":                       {strings.Replace(string(key), `"clientsecret"`, `"other"`, 1), IncompleteBinding},
		"no URL":                          {strings.Replace(string(key), `"https://testbridge`, `"testbridge`, 1), IncompleteBinding},
		"a number as client id":           {strings.Replace(string(key), `"sb-clone5e7d19a0!b40417|destination-xsappname!b62"`, `7`, 1), IncompleteBinding},
		"other lines before":              {"Getting key tb for service instance …\n\n" + string(key), Unreadable},
		"cut off":                         {string(key[:len(key)/2]), Unreadable},
		"array":                           {"[" + string(key) + "]", Unreadable},
		"null":                            {"null", Unreadable},
		"empty":                           {"", Unreadable},
		"too large":                       {strings.Repeat(" ", contentMaxBytes) + string(key), Unreadable},
		"x509 without its type":           {`{"clientid":"c","certificate":"x","key":"k","url":"https://a","uri":"https://b"}`, IncompleteBinding},
		"instance-secret":                 {strings.Replace(string(key), "binding-secret", "instance-secret", 1), 0},
		"no credential type means secret": {strings.Replace(string(key), `"credential-type"`, `"other"`, 1), 0},
	} {
		path := filepath.Join(t.TempDir(), "key.json")
		if err := os.WriteFile(path, []byte(r.content), 0o600); err != nil {
			t.Fatal(err)
		}
		// The variable must not count beside the file.
		b, err := Find(Sources{ServiceKeyPath: path, VCAPServices: string(read(t, "bindings/vcap-two.json")), Name: "nothing"})
		e, _ := errors.AsType[*Error](err)
		switch {
		case r.kind == 0 && (err != nil || b.ClientSecret.Reveal() != secret || strings.HasSuffix(b.URL+b.URI, "/") || !strings.Contains(b.Place, path)):
			t.Errorf("%s: Find = %+v, %v, want the binding", name, b, err)
		case r.kind != 0 && (e == nil || e.Kind != r.kind || strings.Contains(err.Error(), secret)):
			t.Errorf("%s: Find = %v, want %v without the secret", name, err, r.kind)
		}
	}
}

// TestServiceKeyHints: what is wrong with a file that people make by hand is named, without what is in it.
func TestServiceKeyHints(t *testing.T) {
	key := string(credentials(t))
	wide := func(order binary.AppendByteOrder, mark bool) string {
		var b []byte
		if mark {
			b = order.AppendUint16(b, 0xfeff)
		}
		for _, unit := range utf16.Encode([]rune(key)) {
			b = order.AppendUint16(b, unit)
		}
		return string(b)
	}
	for _, row := range []struct{ name, content, says string }{
		{"of XSUAA", `{"clientid":"c","clientsecret":"s","url":"https://a"}`, "lacks uri; create it again, or compare it with what SAP printed; is it the key of an instance of the Destination service?"},
		{"of another service", `{"endpoint":"x"}`, "is it the key of an instance of the Destination service?"},
		{"UTF-16 of Windows", wide(binary.LittleEndian, true), "is in UTF-16"}, {"UTF-16, the other way", wide(binary.BigEndian, true), "is in UTF-16"},
		{"UTF-16 without a mark", wide(binary.LittleEndian, false), "write it again as UTF-8"}, {"UTF-16 without a mark, the other way", wide(binary.BigEndian, false), "is in UTF-16"},
	} {
		_, err := parseServiceKey([]byte(row.content), "place", time.Now())
		if err == nil || !strings.Contains(err.Error(), row.says) || strings.Contains(err.Error(), secret) {
			t.Errorf("a key %s: %v, want an error that says %q", row.name, err, row.says)
		}
	}
	if _, err := parseServiceKey([]byte(strings.Replace(key, `"clientsecret"`, `"other"`, 1)), "place", time.Now()); err == nil || strings.Contains(err.Error(), "is it the key") {
		t.Errorf("a key of the service that lacks its secret: %v, want no doubt of its service", err)
	}
	for content, says := range map[string]string{"\ufeff" + string(read(t, "bindings/vcap-secret.json")): "", wide(binary.LittleEndian, true): "is in UTF-16"} {
		path := filepath.Join(t.TempDir(), "vcap.json")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Find(Sources{VCAPServicesFilePath: path}); (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("VCAP_SERVICES_FILE_PATH: %v, want %q", err, says)
		}
	}
}

func TestMissingFiles(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "nothing")
	for _, s := range []Sources{{ServiceKeyPath: missing}, {VCAPServicesFilePath: missing}} {
		_, err := Find(s)
		if e, _ := errors.AsType[*Error](err); e == nil || e.Kind != Unreadable || !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), missing) {
			t.Errorf("Find(%+v) = %v, want unreadable that names the path", s, err)
		}
	}
	_, err := Find(Sources{})
	if e, _ := errors.AsType[*Error](err); e == nil || e.Kind != NoBinding || !strings.Contains(err.Error(), "DESTINATION_SERVICE_KEY_PATH") {
		t.Errorf("Find of nothing = %v, want no-binding that names the variables", err)
	}
}

func TestRotationIsSeen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.json")
	write := func(content string) *Binding {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := Find(Sources{ServiceKeyPath: path})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	old := write(string(credentials(t)))
	if again := write(string(credentials(t)) + " "); !old.Same(again) {
		t.Error("the same binding read again is not the same")
	}
	if rotated := write(strings.Replace(string(credentials(t)), "5e7d", "6e7d", 1)); old.Same(rotated) || old.Same(nil) {
		t.Error("a binding with another secret, or none, is the same")
	}
}

func TestNothingShowsTheSecret(t *testing.T) {
	b, err := Find(Sources{VCAPServices: string(read(t, "bindings/vcap-secret.json"))})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "binding", b, "value", *b, "secret", b.ClientSecret)
	j, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	text := out.String() + string(j) + fmt.Sprintf("%v %+v %#v %s %q %x %v", b, b, b, b.ClientSecret, b.ClientSecret, b.ClientSecret, *b)
	if strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
		t.Errorf("the secret is in %s", text)
	}
	if !strings.Contains(text, redacted) || b.ClientSecret.IsZero() || !(Secret{}).IsZero() {
		t.Errorf("%s: want the secret marked as redacted", text)
	}
}

func TestKindsHaveNames(t *testing.T) {
	for k := NoBinding; k <= Unreadable; k++ {
		if _, detail := k.texts(); strings.HasPrefix(k.String(), "binding.Kind") || detail == "" {
			t.Errorf("kind %d has the name %q and the detail %q", int(k), k, detail)
		}
	}
}

func ExampleFind() {
	b, err := Find(Sources{VCAPServicesFilePath: dir + "bindings/vcap-two.json", Name: "tb-destination"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(b.Name, b.URI, b.ClientSecret)
	// Output: tb-destination https://destination-configuration.cfapps.xx10.test.example [redacted]
}
