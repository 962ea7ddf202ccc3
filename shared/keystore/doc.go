// Package keystore turns the bytes of a key store into one immutable [Identity]: the certificate, its issuers in order, and
// the private key.
//
// [Parse] is the one call. It promises that the leaf is found by its public key and the chain by names and signatures, so that
// the order of what is in the key store does not matter; that leaf, chain and key belong together; and that every error names
// what was found and what to do, never a key or a password.
//
// It reads PEM. Of PKCS#12 and Java key stores it says that it found one. It does not judge validity or what AWS
// accepts: that needs the right time, which [github.com/trustbridge/trustbridge/shared/rolesanywhere] knows.
package keystore
