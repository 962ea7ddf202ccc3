package btp

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/http"
	"time"
)

// keyID names the one key that tokens are signed with.
const keyID = "standin-key-1"

// token is a token as XSUAA signs it: RS256, with the claims by which a receiver knows client, tenant and scope.
func (p *PKI) token(host, id, tenant string, now, ends time.Time) (string, error) {
	base := "https://" + host
	part := func(v map[string]any) string { return base64.RawURLEncoding.EncodeToString(marshal(v)) }
	text := part(map[string]any{"alg": "RS256", "typ": "JWT", "kid": keyID, "jku": base + keysPath}) + "." + part(map[string]any{
		"iss": base + tokenPath, "zid": tenant, "sub": id, "cid": id, "azp": id, "client_id": id, "aud": []string{id, "uaa"},
		"scope": []string{"uaa.resource"}, "grant_type": "client_credentials", "iat": now.Unix(), "exp": ends.Unix(), "jti": random(),
	})
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, p.signing, crypto.SHA256, digest[:])
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), err
}

// tokenKeys is GET /token_keys: the key that tokens are checked by.
func (s *Server) tokenKeys(r *http.Request) answer {
	if r.Method != http.MethodGet {
		return text(http.StatusMethodNotAllowed, "Method Not Allowed")
	}
	public := &s.config.PKI.signing.PublicKey
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		panic(err) // a key that was just made
	}
	encode := base64.RawURLEncoding.EncodeToString
	return jsonAnswer(http.StatusOK, map[string]any{"keys": []any{map[string]any{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": keyID, "n": encode(public.N.Bytes()), "e": encode(big.NewInt(int64(public.E)).Bytes()),
		"value": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
	}}})
}
