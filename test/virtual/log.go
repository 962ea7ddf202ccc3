package virtual

import (
	"strings"
	"sync"
)

// Log is what a test lets a logger write to and reads afterwards. The zero value is empty and ready. Safe for concurrent use.
type Log struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

// Write adds to the log.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is all of it.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Count is how often part stands in it.
func (l *Log) Count(part string) int { return strings.Count(l.String(), part) }
