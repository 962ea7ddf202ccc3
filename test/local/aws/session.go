package aws

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strconv"
	"sync"
	"time"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/policy"
	"github.com/trustbridge/trustbridge/test/local/aws/internal/sigv4"
)

// session is what CreateSession gave out, besides its keys. It is immutable.
type session struct {
	roleARN        string
	roleID         string
	issued         time.Time
	name           string
	sourceIdentity string
	tags           map[string]string
	boundary       *policy.Document // the profile's session policy; nil means none
}

// conditionKeys are the global ones of a request.
func (s *Server) conditionKeys(c *call) policy.Keys {
	var k policy.Keys
	k.Set("aws:PrincipalArn", c.identity.roleARN)
	k.Set("aws:PrincipalAccount", s.config.Account)
	k.Set("aws:RequestedRegion", s.config.Region)
	k.Set("aws:SecureTransport", strconv.FormatBool(c.TLS != nil))
	k.Set("aws:CurrentTime", c.started.UTC().Format(time.RFC3339))
	k.Set("aws:TokenIssueTime", c.identity.issued.UTC().Format(time.RFC3339))
	k.SetTags(c.identity.tags)
	return k
}

// keyring holds the keys that requests may be signed with.
type keyring struct {
	seed sdkaws.Credentials

	mu   sync.RWMutex // guards keys
	keys map[string]heldKey
}

type heldKey struct {
	sigv4.Key
	identity *identity
}

// forgetAfter is how long an ended session is still told apart from one that never was.
const forgetAfter = 24 * time.Hour

func (k *keyring) init() {
	k.seed = sdkaws.Credentials{AccessKeyID: keyID("AKIA"), SecretAccessKey: secret(30), Source: "stand-in"}
	k.keys = map[string]heldKey{k.seed.AccessKeyID: {
		Key:      sigv4.Key{ID: k.seed.AccessKeyID, Secret: k.seed.SecretAccessKey},
		identity: &identity{arn: "seed", seed: true},
	}}
}

func (k *keyring) lookup(id string) (sigv4.Key, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	held, found := k.keys[id]
	return held.Key, found
}

func (k *keyring) identity(id string) *identity {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.keys[id].identity
}

// add makes keys for a session and forgets those that ended long ago.
func (k *keyring) add(who *identity, now, expires time.Time) sdkaws.Credentials {
	c := sdkaws.Credentials{
		AccessKeyID: keyID("ASIA"), SecretAccessKey: secret(30), SessionToken: secret(300),
		CanExpire: true, Expires: expires,
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for id, held := range k.keys {
		if !held.Expires.IsZero() && now.Sub(held.Expires) > forgetAfter {
			delete(k.keys, id)
		}
	}
	k.keys[c.AccessKeyID] = heldKey{
		Key:      sigv4.Key{ID: c.AccessKeyID, Secret: c.SecretAccessKey, Token: c.SessionToken, Expires: expires},
		identity: who,
	}
	return c
}

// Seed are keys that may do everything, for set-up calls by any AWS client.
func (s *Server) Seed() sdkaws.Credentials { return s.keys.seed }

// ExpireSessions ends all sessions now, whatever their expiry, and says how many there were: their requests are answered
// ExpiredToken.
func (s *Server) ExpireSessions() int {
	now := s.now()
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	n := 0
	for id, held := range s.keys.keys {
		if !held.identity.seed && held.Expires.After(now) {
			held.Expires = now
			s.keys.keys[id] = held
			n++
		}
	}
	return n
}

// RevokeSessions forgets all sessions and says how many there were: their requests are answered InvalidClientTokenId.
func (s *Server) RevokeSessions() int {
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	n := 0
	for id, held := range s.keys.keys {
		if !held.identity.seed {
			delete(s.keys.keys, id)
			n++
		}
	}
	return n
}

// secret is random text of n bytes, base64.
func secret(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}

// keyID is a random identifier in the form of AWS's: a prefix and 16 characters of A–Z and 2–7.
func keyID(prefix string) string { return fmt.Sprintf("%s%s", prefix, rand.Text()[:16]) }

// rate counts calls within a second.
type rate struct {
	mu     sync.Mutex // guards what follows
	second time.Time
	count  int
}

// allow tells whether another call may come; 0 is no limit.
func (r *rate) allow(now time.Time, most int) bool {
	if most == 0 {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if second := now.Truncate(time.Second); !second.Equal(r.second) {
		r.second, r.count = second, 0
	}
	r.count++
	return r.count <= most
}
