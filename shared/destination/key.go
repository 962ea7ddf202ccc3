package destination

import (
	"bytes"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/trustbridge/trustbridge/shared/keystore"
)

// keyMaxBytes bounds the file of a private key; one of RSA 4096 has 3 KB.
const keyMaxBytes = 64 << 10

// localKey is the private key of certificates that were made from a signing request: the service never held it. A nil localKey
// means that the key store holds its own.
type localKey struct {
	path   string
	text   []byte // the one PEM block
	digest [sha256.Size]byte
}

// readKey reads the file; nil if there is none to read. Of what else is in the file nothing is taken.
func readKey(path string) (*localKey, *Error) {
	if path == "" {
		return nil, nil
	}
	fail := func(reason string, err error) *Error {
		return &Error{Kind: LocalKey, Op: "read private key", Reason: "DESTINATION_KEY_PATH " + strconv.Quote(path) + " " + reason, Err: err}
	}
	switch info, err := os.Stat(path); {
	case err != nil:
		return nil, fail("cannot be opened", err)
	case !info.Mode().IsRegular(): // to open a pipe waits for its writer
		return nil, fail("is no regular file; mount the key's file there", nil)
	}
	f, err := os.Open(path) //nolint:gosec // the operator's configuration names the file
	if err != nil {
		return nil, fail("cannot be opened", err)
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, keyMaxBytes+1))
	if err == nil && len(content) > keyMaxBytes {
		err = errors.New("it is larger than 64 KiB")
	}
	if err != nil {
		return nil, fail("cannot be read", err)
	}
	var keys [][]byte
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			keys = append(keys, pem.EncodeToMemory(block))
		}
	}
	if len(keys) != 1 {
		return nil, fail(fmt.Sprintf("holds %d private keys in PEM, one is needed", len(keys)), nil)
	}
	return &localKey{path: path, text: keys[0], digest: sha256.Sum256(keys[0])}, nil
}

// beside is the material of a key store with the key.
func (k *localKey) beside(material []byte) []byte {
	if k == nil {
		return material
	}
	return bytes.Join([][]byte{material, k.text}, []byte("\n"))
}

// advice says what an error of the key store has to do with the key.
func (k *localKey) advice(err error) string {
	kind := keystore.Kind(0)
	if cause, found := errors.AsType[*keystore.Error](err); found {
		kind = cause.Kind
	}
	switch {
	case k == nil && kind == keystore.NoPrivateKey:
		return "if it was made from a signing request, set DESTINATION_KEY_PATH to the file of its private key"
	case k == nil:
		return ""
	case kind == keystore.SeveralKeys:
		return "it has a private key of its own beside that of DESTINATION_KEY_PATH " + strconv.Quote(k.path) + ": unset the variable, or use a certificate made from a signing request"
	}
	return "its certificates are used with the private key of DESTINATION_KEY_PATH " + strconv.Quote(k.path)
}

// same is true if the present identity was made with this key.
func (k *localKey) same(digest [sha256.Size]byte) bool {
	return k == nil || k.digest == digest
}
