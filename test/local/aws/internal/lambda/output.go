package lambda

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync"
)

// outputMax is how much of a program's output is kept for the log of an invocation, its end; Lambda returns 4 KiB.
const outputMax = 64 << 10

// output gathers what a program writes. The program has the pipe's other end, and so have we: a mark that we write shows
// when everything written before it has been read.
type output struct {
	read, write *os.File
	reading     sync.WaitGroup
	cutting     sync.Mutex // held by cut, which has one mark at a time

	mu     sync.Mutex // guards what follows
	kept   []byte
	mark   []byte        // looked for, nil if none
	marked chan []byte   // gets what came before the mark
	ended  chan struct{} // closed when nothing more is read
}

func newOutput() (*output, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	o := &output{read: r, write: w, ended: make(chan struct{})}
	o.reading.Go(o.gather)
	return o, nil
}

// gather reads until the pipe is closed.
func (o *output) gather() {
	defer close(o.ended)
	buffer := make([]byte, 32<<10)
	for {
		n, err := o.read.Read(buffer)
		o.add(buffer[:n])
		if err != nil {
			return
		}
	}
}

func (o *output) add(b []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept = append(o.kept, b...)
	if o.mark != nil {
		if before, after, found := bytes.Cut(o.kept, o.mark); found {
			o.marked <- bytes.Clone(before)
			o.kept, o.mark = bytes.Clone(after), nil
		}
	}
	if drop := len(o.kept) - outputMax; drop > outputMax {
		o.kept = bytes.Clone(o.kept[drop:])
	}
}

// cut is what was written since the last cut, the end of it if it is much.
func (o *output) cut() []byte {
	o.cutting.Lock()
	defer o.cutting.Unlock()
	mark := []byte("\x00mark " + rand.Text() + "\x00")
	marked := make(chan []byte, 1)
	o.mu.Lock()
	o.mark, o.marked = mark, marked
	o.mu.Unlock()
	if _, err := o.write.Write(mark); err != nil {
		return nil // closed: the environment has ended
	}
	select {
	case b := <-marked:
		return b[max(0, len(b)-outputMax):]
	case <-o.ended:
		return nil
	}
}

// close ends the gathering. A process that still has the pipe keeps writing into nothing.
func (o *output) close() error {
	err := errors.Join(o.write.Close(), o.read.Close())
	o.reading.Wait()
	return err
}
