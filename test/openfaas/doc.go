// Package openfaas tests what we ship for OpenFaaS with OpenFaaS's own code: its parser and build context (go-sdk), its client,
// and its router and proxy (faas-provider), which are the data path of faas-netes and faasd.
//
// The functions are built as functions/Dockerfile says, in the context that OpenFaaS makes of stack.yml, deployed by what
// stack.yml says, and called at /function/NAME; what arrives is looked for at the far ends of the stand-in of SAP BTP and AWS.
//
// It does not run the gateway, faas-cli, faas-netes or a cluster: gateway and operator of today are under an EULA, and none of
// them is on the module proxy. What is said of them was read in their code and documentation.
package openfaas
