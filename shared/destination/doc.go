// Package destination gets an X.509 identity from a destination of the SAP BTP Destination Service, and keeps it current.
//
// [New] makes a [Client] for one destination, or for one certificate without a destination; [Client.Identity] gives the
// certificate with its key, as [github.com/trustbridge/trustbridge/shared/rolesanywhere] asks for it, [Client.Snapshot] also the
// destination's own properties, and [Client.Run] looks for a renewed one every few minutes. Close waits for what was started.
// [NewAdmin] makes an [Admin], which reads and makes destinations and certificates for the one-time set-up.
//
// It promises: one look at a time, whoever waits for it, with one token and one find; the last good identity serves until its
// end while the service fails, and bad new material never replaces it; while there is no usable identity a new look is made
// for the next event, not sooner than 10 s after the last; a binding or a private key that changes in its file is used at the
// next look, without a restart; a client's secret goes to the binding's url alone, and its certificate to certurl alone; every
// error says what to change in the service.
//
// It reads generated or uploaded key stores in PEM of destinations with client certificate authentication, through the API
// v1, which looks at the instance and then at the subaccount, or v2 at one level. A [Client] changes nothing there. It watches
// no files: what changes in them is seen at a look.
//
// Source: https://api.sap.com/api/SAP_CP_CF_Connectivity_Destination
package destination
