// Package btp is a stand-in of SAP BTP for tests and the demo: the token endpoint of XSUAA and the Destination service with its
// certificates, behind one http.Handler. What sends events is in its package senders.
//
// [NewPKI] makes the certificate authorities, [New] a [Server] with them; give it to a listener of your own, on the loopback
// interface or in memory. [Server.ServiceKey] is what a client is configured with; [Server.Bind] makes more bindings, with a
// secret or a certificate, and writes or mounts them in every layout. [Server.PutDestination] and [Server.PutCertificate] fill the
// service, as its own API does, and [Server.Inject] breaks things.
//
// It promises to refuse what SAP would refuse: wrong clients, certificates that ended, tokens that are missing, foreign or
// expired, names that exist, states that changed. It is written from SAP's documentation and published OpenAPI file, not from our
// client. Where neither says what the service does, the code says that it is not documented.
//
// Everything lives in memory. Time is the machine's, or the bubble's under testing/synctest, moved by
// [Server.SetClockOffset]; certificates are renewed by it. Names are clearly not SAP's, and every key is a throw-away one.
package btp
