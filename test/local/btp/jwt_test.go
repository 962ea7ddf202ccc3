package btp

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/trustbridge/trustbridge/test/virtual"
)

// TestTokensAreSigned checks a token by what /token_keys says.
func TestTokensAreSigned(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{TokenLifetime: time.Minute})
		_, token := s.askToken(s.key["clientid"], s.key["clientsecret"])
		status, _, body := s.do(http.MethodGet, "/token_keys", nil, "")
		var set struct {
			Keys []struct{ Kty, Alg, Kid, N, E string }
		}
		if err := json.Unmarshal([]byte(body), &set); err != nil || status != 200 || len(set.Keys) != 1 {
			t.Fatalf("/token_keys = %d %s (%v), want one key", status, body, err)
		}
		parts := strings.Split(token, ".")
		if len(parts) != 3 {
			t.Fatalf("a token has %d parts, want 3", len(parts))
		}
		decode := func(text string) []byte {
			out, err := base64.RawURLEncoding.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		key := &rsa.PublicKey{N: new(big.Int).SetBytes(decode(set.Keys[0].N)), E: int(new(big.Int).SetBytes(decode(set.Keys[0].E)).Int64())}
		digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
		if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], decode(parts[2])); err != nil {
			t.Errorf("the signature is not that of the key: %v", err)
		}
		var header struct{ Alg, Kid, Jku string }
		var claims struct {
			Zid, Cid string
			Exp      int64
		}
		if err := json.Unmarshal(decode(parts[0]), &header); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(decode(parts[1]), &claims); err != nil {
			t.Fatal(err)
		}
		if header.Alg != "RS256" || header.Kid != set.Keys[0].Kid || !strings.HasSuffix(header.Jku, "/token_keys") {
			t.Errorf("header %+v, want RS256 by the key of /token_keys", header)
		}
		if claims.Zid != s.config.Subaccount || claims.Cid != s.key["clientid"] || claims.Exp != virtual.Start.Add(time.Minute).Unix() {
			t.Errorf("claims %+v, want the tenant, the client and an end in a minute", claims)
		}
		if status, _, _ := s.do(http.MethodPost, "/token_keys", nil, ""); status != 405 {
			t.Errorf("POST /token_keys = %d, want 405", status)
		}
	})
}
