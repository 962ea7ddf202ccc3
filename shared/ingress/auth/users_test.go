package auth

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// The hash of the password U*U with cost 5, in the writings of the three letters that stand for the same algorithm.
// Source: https://github.com/openwall/crypt_blowfish (test vectors in wrapper.c).
const (
	hashUU  = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
	hashUUb = "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
	hashUUy = "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
)

func TestParseUsers(t *testing.T) {
	u, err := parseUsers([]byte("# senders\n\nem:" + hashUU + "\r\nkyma prod:" + hashUUb + " \t\nä€:" + hashUUy))
	if err != nil {
		t.Fatal(err)
	}
	if len(u.hashes) != 3 || u.hashes["em"] != hashUU || u.hashes["kyma prod"] != hashUUb || u.hashes["ä€"] != hashUUy {
		t.Errorf("users are %v", u.hashes)
	}
	if !slices.Equal(u.order, []string{hashUU, hashUUb, hashUUy}) {
		t.Errorf("hashes are %v, want them in the file's order", u.order)
	}
}

func TestRefusedUsersFiles(t *testing.T) {
	const secret = "hunter2"
	withCost := func(cost string) string { return "$2y$" + cost + hashUU[6:] }
	for name, tc := range map[string]struct{ content, want string }{
		"empty":            {"", "the file has no user"},
		"comments only":    {"# a\n\n", "the file has no user"},
		"too large":        {strings.Repeat("#", 1<<20+1), "over the limit"},
		"no colon":         {"em:" + hashUU + "\n" + secret + "\n", "line 2: it is not of the form user:hash"},
		"no name":          {":" + hashUU, "line 1: the user's name"},
		"long name":        {strings.Repeat("a", 256) + ":" + hashUU, "line 1: the user's name"},
		"control":          {"e\tm:" + hashUU, "line 1: the user's name"},
		"not UTF-8":        {"e\xffm:" + hashUU, "line 1: the user's name"},
		"byte order":       {"\ufeffem:" + hashUU, "line 1: the user's name"},
		"twice":            {"em:" + hashUU + "\n#\nem:" + hashUUy, "line 3: the user is in line 1 already"},
		"plain password":   {"em:" + secret, "line 1: the hash is not one of bcrypt"},
		"no hash":          {"em:", "not one of bcrypt"},
		"MD5":              {"em:$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/", "not one of bcrypt"},
		"SHA-1":            {"em:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "not one of bcrypt"},
		"SHA-512":          {"em:$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO/O817G3uBnIFNjnQJuesI68OTLiBFdcbYEdFCoEOfaS35inz1", "not one of bcrypt"},
		"defective $2x":    {"em:$2x" + hashUU[3:], "not one of bcrypt"},
		"old $2$":          {"em:$2$" + hashUU[4:], "not one of bcrypt"},
		"short":            {"em:" + hashUU[:59], "not one of bcrypt"},
		"more fields":      {"em:" + hashUU + ":x", "not one of bcrypt"},
		"not its base64":   {"em:" + hashUU[:59] + "=", "not one of bcrypt"},
		"cost of no digit": {"em:" + withCost("0x"), "not one of bcrypt"},
		"cost of no tens":  {"em:" + withCost("x5"), "not one of bcrypt"},
		"cost 3":           {"em:" + withCost("03"), "line 1: the hash has a cost outside 4 to 14"},
		"cost 15":          {"em:" + withCost("15"), "line 1: the hash has a cost outside 4 to 14"},
		"no dollar":        {"em:$2ax05$" + hashUU[7:], "not one of bcrypt"},
		"no third":         {"em:$2a$05x" + hashUU[7:], "not one of bcrypt"},
		"no 2":             {"em:$1a$05$" + hashUU[7:], "not one of bcrypt"},
		"no first":         {"em:x2a$05$" + hashUU[7:], "not one of bcrypt"},
	} {
		u, err := parseUsers([]byte(tc.content))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: parseUsers() = %v, %v; want an error that says %q", name, u, err, tc.want)
			continue
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error shows what is in the file: %v", name, err)
		}
	}
	for _, cost := range []string{"04", "14"} {
		if _, err := parseUsers([]byte("em:" + withCost(cost))); err != nil {
			t.Errorf("cost %s: %v", cost, err)
		}
	}
	if _, err := parseUsers([]byte(strings.Repeat("a", 255) + ":" + hashUU)); err != nil {
		t.Errorf("a name of 255 bytes: %v", err)
	}
}

// FuzzParseUsers: what is taken is written back line by line and read as the same; what is refused says nothing of the
// content but a line's number.
func FuzzParseUsers(f *testing.F) {
	for _, seed := range []string{
		"", "# x\n", "em:" + hashUU, "em:" + hashUU + "\n\nkyma:" + hashUUy + "\r\n", "em:{SHA}x", "a:" + hashUU + "\na:" + hashUU, "\ufeffa:" + hashUU,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		u, err := parseUsers(content)
		if err != nil {
			again, _ := parseUsers(content)
			if again != nil || len(err.Error()) > 160 || !utf8.ValidString(err.Error()) {
				t.Errorf("parseUsers(%q) = %v, %v; want a short error, again and again", content, again, err)
			}
			return
		}
		if len(u.hashes) != len(u.order) || len(u.order) == 0 {
			t.Fatalf("%d names and %d hashes", len(u.hashes), len(u.order))
		}
		var out bytes.Buffer
		for name, hash := range u.hashes {
			if !bytes.Contains(content, []byte(name+":"+hash)) {
				t.Errorf("%q:%q is not in %q", name, hash, content)
			}
			fmt.Fprintf(&out, "%s:%s\n", name, hash)
		}
		again, err := parseUsers(out.Bytes())
		if err != nil || len(again.hashes) != len(u.hashes) {
			t.Fatalf("parseUsers(%q) = %v, %v; want what was read from %q", out.Bytes(), again, err, content)
		}
		for name, hash := range u.hashes {
			if again.hashes[name] != hash {
				t.Errorf("%q has %q, and %q when read again", name, hash, again.hashes[name])
			}
		}
	})
}
