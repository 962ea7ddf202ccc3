// Package btp is what an administrator configures at each of SAP's senders of events, for tools and tests that read it: a folder
// a sender, with a README.md that explains every value to fill in, of the form <your …>.
package btp

import "embed"

// Files are the folders event-mesh, advanced-event-mesh, event-hub, cap and kyma.
//
//go:embed event-mesh advanced-event-mesh event-hub all:cap kyma
var Files embed.FS
