// Package auth decides who may send: each kind of the setting AUTH but none is an [ingress.Authenticator] here.
//
// [NewBasic] makes the one for users and passwords in a file of htpasswd lines; give it to [ingress.Config].
//
// It promises that a sender comes in only by a password that matches the file's bcrypt hash, and never because something
// could not be read or took too long; that whoever has no password cannot tell by answers or time which users there are;
// that a flood of wrong passwords takes a bounded share of the processor, and does not keep out senders who were let in
// before; that a changed file counts from the next request that needs it, a broken one not at all; and that no
// password is kept, logged or answered. It does not encrypt: with Basic, what carries the requests must.
package auth
