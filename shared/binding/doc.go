// Package binding finds the service binding of the SAP BTP Destination Service: where it is and with which client to ask for
// a token.
//
// [Find] is the one call; it reads everything anew each time, so that a binding that was rotated is seen. It promises that
// an error says where was looked, what was found, what was skipped and why, and what to do; that all files of a mounted
// binding are of one generation; that no link leads out of the folder of bindings; and that the client secret and the private
// key, a [Secret] and a [Certificate], show themselves in no log and no error.
//
// It reads folders under SERVICE_BINDING_ROOT or /etc/secrets/sapbtp as the SAP BTP service operator mounts them,
// VCAP_SERVICES, a file of the same form, and a service key as SAP prints it; in each, clients with a secret and clients with a
// certificate (x509). It makes no network call, and watches nothing: who holds a binding for long asks again.
//
// Source: https://github.com/SAP-docs/btp-connectivity and https://github.com/SAP/btp-environment-variable-access
package binding
