// Package destination gets an X.509 identity from a destination of the SAP BTP Destination Service, and keeps it current.
//
// [New] makes a [Client] for one destination; [Client.Identity] gives the certificate with its key, as
// [github.com/trustbridge/trustbridge/shared/rolesanywhere] asks for it, and [Client.Run] looks for a renewed one every few
// minutes. Close waits for what was started.
//
// It promises: one look at a time, whoever waits for it, with one token and one find; the last good identity serves until its
// end while the service fails, and bad new material never replaces it; while there is no usable identity a new look is made
// for the next event, not sooner than 10 s after the last; every error says what to change in the service.
//
// It reads generated or uploaded key stores in PEM of destinations with client certificate authentication, through the API
// v1, which looks at the instance and then at the subaccount. It changes nothing there.
//
// Source: https://api.sap.com/api/SAP_CP_CF_Connectivity_Destination
package destination
