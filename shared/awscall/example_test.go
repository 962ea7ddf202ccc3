package awscall_test

import (
	"errors"
	"fmt"

	"github.com/trustbridge/trustbridge/shared/awscall"
	"github.com/trustbridge/trustbridge/shared/forward"
)

func ExampleClassify() {
	err := errors.New("connection reset by peer")
	verdict := awscall.Classify("publish", err)
	fmt.Println(verdict.Kind, "-", verdict)
	fmt.Println(forward.Detail(verdict))
	// Output:
	// unavailable - publish: connection reset by peer
	// the event was not proven accepted; send it again later
}
