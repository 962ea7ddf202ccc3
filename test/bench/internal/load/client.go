package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// client is one sender on its connection.
type client struct {
	conn      net.Conn
	in        *bufio.Reader
	request   []byte // with the id in place
	id        []byte // the part of request that differs from event to event
	accepted  int64
	latencies []time.Duration
}

const idDigits = 12

func newClient(conn net.Conn, number int) *client {
	head := fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"+
		"Ce-Specversion: 1.0\r\nCe-Type: sap.s4.beh.salesorder.v1.SalesOrder.Changed.v1\r\nCe-Source: /default/sap.s4.beh/S4HANAOD\r\n"+
		"Ce-Subject: 5000123\r\nCe-Time: 2026-12-01T10:20:30Z\r\nCe-Id: %04d-", len(Data()), number)
	at := len(head)
	request := append(head, "000000000000\r\n\r\n"...)
	request = append(request, Data()...)
	return &client{conn: conn, in: bufio.NewReader(conn), request: request, id: request[at : at+idDigits]}
}

// run sends one event after the other until end.
func (c *client) run(begin, end time.Time) error {
	c.latencies = make([]time.Duration, 0, 1<<12)
	for sent := time.Now(); sent.Before(end); {
		if err := c.send(); err != nil {
			return err
		}
		now := time.Now()
		c.accepted++
		if !now.Before(begin) && now.Before(end) {
			c.latencies = append(c.latencies, now.Sub(sent))
		}
		sent = now
	}
	return nil
}

// send sends one event, with an id that this client never used, and reads the answer. An answer but 2xx is an error.
func (c *client) send() error {
	for i := len(c.id) - 1; i >= 0; i-- {
		if c.id[i]++; c.id[i] <= '9' {
			break
		}
		c.id[i] = '0'
	}
	if _, err := c.conn.Write(c.request); err != nil {
		return fmt.Errorf("send an event: %w", err)
	}
	status, body, err := readAnswer(c.in)
	switch {
	case err != nil:
		return fmt.Errorf("read the answer to an event: %w", err)
	case status < 200 || status > 299:
		return fmt.Errorf("an event was answered %d: %s", status, body)
	}
	return nil
}

var (
	errNoAnswer = errors.New("it is no answer of HTTP/1.1")
	errChunked  = errors.New("its body has no length, which this client does not read")
)

// bodyMax is what an answer's body may have.
const bodyMax = 64 << 10

// readAnswer reads one answer of HTTP/1.1 as Go's server writes it: with Content-Length, or without a body. The body is returned
// if the status is an error.
func readAnswer(in *bufio.Reader) (status int, body []byte, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return 0, nil, err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) || len(line) < len("HTTP/1.1 200\r\n") {
		return 0, nil, errNoAnswer
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, nil, errNoAnswer
	}
	length := 0
	for {
		if line, err = in.ReadSlice('\n'); err != nil {
			return 0, nil, err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil || length < 0 || length > bodyMax {
				return 0, nil, errNoAnswer
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			return 0, nil, errChunked
		}
	}
	if status > 299 {
		body = make([]byte, length)
		_, err = io.ReadFull(in, body)
		return status, body, err
	}
	_, err = in.Discard(length)
	return status, nil, err
}
