// Package lambda runs functions as AWS Lambda does: real programs on the Runtime API, as on provided.al2023, one child
// process an environment, or a Go function in their place where no child can be, as in testing/synctest bubbles.
//
// [New] makes a [Function]; [Function.Invoke] runs it once and says what came of it. An environment runs one invocation at
// a time and is used again only when its program asks for the next one; one that ends, or whose invocation takes too long,
// is replaced. [Function.Close] leaves no goroutine, port or child.
//
// A child sees the environment variables that it is given and those of Lambda, nothing of this process, and no credentials.
// The file system and the network are this machine's.
package lambda
