package process_test

import (
	"fmt"

	"github.com/trustbridge/trustbridge/test/bench/internal/process"
)

func ExampleDescribe() {
	fmt.Println(process.Describe(2).CPUs, "CPUs")
	// Output: 2 CPUs
}
