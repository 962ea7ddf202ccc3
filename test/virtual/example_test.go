package virtual_test

import (
	"context"
	"fmt"
	"io"

	"github.com/trustbridge/trustbridge/test/virtual"
)

func ExampleNetwork() {
	var network virtual.Network
	listener := network.Listen("aws.example:443")
	go func() {
		if c, err := listener.Accept(); err == nil {
			_, _ = io.WriteString(c, "hello")
			_ = c.Close()
		}
	}()
	c, err := network.Dial(context.Background(), "tcp", "aws.example:443")
	if err != nil {
		fmt.Println(err)
		return
	}
	text, _ := io.ReadAll(c)
	fmt.Println(string(text))
	_, err = network.Dial(context.Background(), "tcp", "nobody.example:443")
	fmt.Println(err)
	// Output:
	// hello
	// dial nobody.example:443: connection refused
}
