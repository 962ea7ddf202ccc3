package auth

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a users file.
const (
	fileMaxBytes = 1 << 20
	// userMaxBytes is htpasswd's own limit of a name.
	// Source: https://httpd.apache.org/docs/2.4/programs/htpasswd.html#restrictions
	userMaxBytes = 255
	// costMax is the highest cost of a hash: each step doubles the time of a check, and 14 takes about a second.
	costMax = 14
	costMin = 4 // bcrypt's own
)

// hashLength is that of $2y$05$ and 22 characters of salt and 31 of hash.
const hashLength = 60

// users are the users of a file: immutable.
type users struct {
	hashes map[string]string // by name
	order  []string          // the same hashes, as they stand in the file
}

// parseUsers reads htpasswd lines: name:hash, as `htpasswd -B` makes them. Empty lines and those that begin with # are
// skipped, as Apache does; blanks and a carriage return at the end of a line do not count. An error names the line, and
// nothing of what is in it.
// Source: https://httpd.apache.org/docs/2.4/mod/mod_authn_file.html#authuserfile
func parseUsers(content []byte) (*users, error) {
	if len(content) > fileMaxBytes {
		return nil, fmt.Errorf("the file is over the limit of %d bytes", fileMaxBytes)
	}
	out := &users{hashes: make(map[string]string)}
	lines := make(map[string]int)
	number := 0
	for line := range bytes.Lines(content) {
		number++
		text := strings.TrimRight(string(line), " \t\r\n")
		if text == "" || text[0] == '#' {
			continue
		}
		name, hash, found := strings.Cut(text, ":")
		problem := ""
		switch {
		case !found:
			problem = "it is not of the form user:hash"
		case !validName(name):
			problem = fmt.Sprintf("the user's name is empty, over %d bytes, or has characters that cannot be printed", userMaxBytes)
		case lines[name] != 0:
			problem = fmt.Sprintf("the user is in line %d already; keep one of them", lines[name])
		default:
			problem = hashProblem(hash)
		}
		if problem != "" {
			return nil, fmt.Errorf("line %d: %s", number, problem)
		}
		lines[name] = number
		out.hashes[name] = hash
		out.order = append(out.order, hash)
	}
	if len(out.order) == 0 {
		return nil, errors.New("the file has no user; add one by `htpasswd -B`")
	}
	return out, nil
}

func validName(name string) bool {
	return name != "" && len(name) <= userMaxBytes && utf8.ValidString(name) &&
		strings.IndexFunc(name, func(c rune) bool { return !unicode.IsPrint(c) }) < 0
}

// hashProblem says why hash is not one that we check, "" if it is: $2a$, $2b$ and $2y$ are the same algorithm; $2x$ is one
// with a known defect.
// Source: https://www.openwall.com/lists/announce/2011/06/21/1
func hashProblem(hash string) string {
	const notBcrypt = "the hash is not one of bcrypt ($2a$, $2b$ or $2y$); make it by `htpasswd -B`"
	if len(hash) != hashLength || hash[0] != '$' || hash[1] != '2' || hash[3] != '$' || hash[6] != '$' {
		return notBcrypt
	}
	if c := hash[2]; c != 'a' && c != 'b' && c != 'y' {
		return notBcrypt
	}
	tens, ones := hash[4]-'0', hash[5]-'0'
	if tens > 9 || ones > 9 {
		return notBcrypt
	}
	for _, c := range []byte(hash[7:]) {
		if !bcryptLetter(c) {
			return notBcrypt
		}
	}
	if cost := tens*10 + ones; cost < costMin || cost > costMax {
		return fmt.Sprintf("the hash has a cost outside %d to %d, above which a check takes over a second; make it by `htpasswd -B -C 10`", costMin, costMax)
	}
	return ""
}

// bcryptLetter reports whether c is one of bcrypt's own base64.
func bcryptLetter(c byte) bool {
	return c == '.' || c == '/' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
}
