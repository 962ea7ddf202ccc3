// Package btp is a stand-in of SAP BTP for tests and the demo: the token endpoint of XSUAA and the Destination service
// behind one http.Handler, and a certificate service that issues what SAP's does.
//
// [NewPKI] makes the certificate authorities, [New] a [Server] with them; give it to a listener of your own, on the loopback
// interface or in memory. [Server.ServiceKey] is what a client is configured with, [Server.PutDestination] and
// [Server.PutCertificate] fill the service, and [Server.Inject] breaks things.
//
// It promises to refuse what SAP would refuse: wrong clients, and tokens that are missing, foreign or expired. It is written
// from SAP's documentation and published OpenAPI file, not from our client. What it does not have (client certificates at the
// token endpoint, version 2 of find, the certificates API, key stores other than PEM) it answers with 404.
//
// Everything lives in memory. Time is the machine's, or the bubble's under testing/synctest, moved by
// [Server.SetClockOffset]. Names are clearly not SAP's, and every key is a throw-away one.
package btp
