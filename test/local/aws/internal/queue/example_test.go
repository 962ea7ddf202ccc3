package queue_test

import (
	"context"
	"fmt"
	"time"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/queue"
)

func ExampleQueue() {
	q := queue.New(queue.Settings{Visibility: 30 * time.Second})
	q.Send(queue.Message{ID: "1", Body: "hello"}, 0)
	for _, m := range q.Receive(context.Background(), 10, 0, -1) {
		fmt.Println(m.Body, q.Delete(m.Handle))
	}
	fmt.Println(len(q.Arrived()))
	// Output:
	// hello <nil>
	// 1
}
