// Package binding finds the service binding of the SAP BTP Destination Service: where it is and with which client to ask for
// a token.
//
// [Find] is the one call; it reads everything anew each time, so that a binding that was rotated is seen. It promises that
// an error says where was looked, what was found and what to do, and that the client secret, a [Secret], shows itself in no
// log and no error.
//
// It reads VCAP_SERVICES, a file of the same form, and a service key as SAP prints it; of these the bindings with a client
// secret. It makes no network call.
//
// Source: https://github.com/SAP-docs/btp-connectivity
package binding
