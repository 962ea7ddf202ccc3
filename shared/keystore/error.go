package keystore

import "strconv"

// Kind says what is wrong with a key store. The zero Kind is not a valid one.
type Kind int

const (
	// NoPrivateKey means that the key store holds certificates only.
	NoPrivateKey Kind = iota + 1
	// NoCertificate means that the key store holds a key only.
	NoCertificate
	// KeyMismatch means that no certificate fits the key.
	KeyMismatch
	// SeveralKeys means that there is more than one private key, and nothing says which.
	SeveralKeys
	// PasswordMissing means that the key is encrypted and there is no password.
	PasswordMissing
	// EncryptedKey means that the key is encrypted and there is a password, but this version does not read encrypted keys.
	EncryptedKey
	// NotAKeyStore means that the content is in no format that this version reads.
	NotAKeyStore
	// Malformed means that a part of the PEM text cannot be read.
	Malformed
	// UnsupportedKey means that the key is neither RSA nor ECDSA.
	UnsupportedKey
	// ChainTooLong means that there are more issuers than AWS takes.
	ChainTooLong
)

// String is the kind's name in logs.
func (k Kind) String() string {
	name, _ := k.texts()
	return name
}

// texts is the kind's name and its sentence for strangers.
func (k Kind) texts() (name, detail string) {
	switch k {
	case NoPrivateKey:
		return "no-private-key", "the key store holds certificates only, no private key; generate a certificate without a signing request"
	case NoCertificate:
		return "no-certificate", "the key store holds a private key but no certificate; generate both together"
	case KeyMismatch:
		return "key-mismatch", "no certificate in the key store fits its private key; generate both together"
	case SeveralKeys:
		return "several-keys", "the key store holds several private keys; use one that holds one"
	case PasswordMissing:
		return "password-missing", "the private key is encrypted and the destination has no KeyStorePassword; generate the certificate without a password"
	case EncryptedKey:
		return "encrypted-key", "the private key is encrypted, which this version does not read; generate the certificate without a password"
	case NotAKeyStore:
		return "not-a-key-store", "the key store is not PEM, the one format this version reads; generate a certificate whose name ends in .pem"
	case Malformed:
		return "malformed", "the key store cannot be read; generate the certificate again"
	case UnsupportedKey:
		return "unsupported-key", "the private key is of a type that AWS does not take; use RSA or ECDSA"
	case ChainTooLong:
		return "chain-too-long", "there are more than 5 issuers between the certificate and its root; use a shorter chain"
	}
	return "keystore.Kind(" + strconv.Itoa(int(k)) + ")", "the key store cannot be used; an operator finds the reason in the log"
}

// Error is why a key store cannot be used. It never shows a key or a password.
type Error struct {
	// Kind is what is wrong.
	Kind Kind
	// Reason says what was found and what to do.
	Reason string
	// Err is the cause; nil if there is none below.
	Err error
}

// Error is "read key store: kind: reason".
func (e *Error) Error() string {
	s := "read key store: " + e.Kind.String() + ": " + e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// RetryableError is false: reading the same bytes again gives the same.
func (e *Error) RetryableError() bool { return false }

// Outage is false: a human must change the key store.
func (e *Error) Outage() bool { return false }

// Detail is one sentence for a stranger: what is wrong and what cures it.
func (e *Error) Detail() string {
	_, detail := e.Kind.texts()
	return detail
}
