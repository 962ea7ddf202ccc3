// Package bridge is what runs a function: it reads the configuration, builds the rooms of the event's path and the identity
// beside it, serves until SIGTERM, and drains.
//
// A function's main calls [Main] with its name, its own settings and its sink; nothing else is needed.
//
// It promises that every problem of the configuration is reported at once, before anything is done; that the function is
// ready as soon as it listens, whatever AWS and BTP do; that what was accepted before SIGTERM is answered before the grace
// period ends; and that [Main] is the only place that exits.
package bridge
