package auth

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/trustbridge/trustbridge/shared/telemetry"
)

// lookEvery is how old the last look at the file may be for a request that needs no password checked: the longest that a
// user who was taken out may still send.
const lookEvery = time.Second

// settled is how old a change must be for the file's time and size to name its content: a second change within the same
// tick of the file system's clock has the same time.
const settled = 2 * time.Second

// state is what is known of the users file: immutable but for told.
type state struct {
	users  *users
	digest [sha256.Size]byte // of the content that users came from
	told   *telemetry.Once   // what was said of senders since then

	info    fs.FileInfo // of the last look; nil if it must be read at the next one
	looked  time.Time
	problem string // why the last look did not give users, "" if it did
}

// usersFile is a users file that is looked at again and again. A mounted file changes in place, by a new file of its name,
// or by a symbolic link on its path (Kubernetes' ..data): a look follows them all.
type usersFile struct {
	path     string
	logger   *slog.Logger
	counters *telemetry.Counters
	current  atomic.Pointer[state]
	turn     chan struct{} // holds one: whose turn it is to look
}

// openUsers reads the file for the first time. The error names it, and the line where that helps.
func openUsers(path string, logger *slog.Logger, counters *telemetry.Counters) (*usersFile, error) {
	f := &usersFile{path: path, logger: logger, counters: counters, turn: make(chan struct{}, 1)}
	s := f.read(&state{}, time.Now())
	if s.problem != "" {
		return nil, fmt.Errorf("read users: %s: %s", path, s.problem)
	}
	f.current.Store(s)
	return f, nil
}

// glance is what was last seen, and looks only if that is lookEvery old and nobody else is looking.
func (f *usersFile) glance(ctx context.Context) *state {
	s := f.current.Load()
	if since := time.Since(s.looked); since >= 0 && since < lookEvery {
		return s
	}
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
		return f.renew(ctx)
	default:
		return s
	}
}

// look is what is there now. The error is the end of ctx.
func (f *usersFile) look(ctx context.Context) (*state, error) {
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
		return f.renew(ctx), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// renew looks, and says what is new. It is called by whoever has the turn.
func (f *usersFile) renew(ctx context.Context) *state {
	old := f.current.Load()
	s := f.read(old, time.Now())
	f.current.Store(s)
	switch {
	case s.problem != "" && s.problem != old.problem:
		f.logger.LogAttrs(ctx, slog.LevelError, "the users file cannot be used, so the users that were read before stay; correct it",
			slog.String("path", f.path), slog.String("error", s.problem))
	case s.problem == "" && (s.digest != old.digest || old.problem != ""):
		f.logger.LogAttrs(ctx, slog.LevelInfo, "the users file was read anew", slog.String("path", f.path), slog.Int("users", len(s.users.order)))
	}
	if s.digest != old.digest {
		f.counters.Add(countUsersRead, 1)
	}
	return s
}

// read is the state after a look at the file: old with what is new.
func (f *usersFile) read(old *state, now time.Time) *state {
	s := *old
	s.looked, s.info = now, nil
	info, err := os.Stat(f.path)
	if err != nil {
		s.problem = withoutPath(err)
		return &s
	}
	if mode := info.Mode(); !mode.IsRegular() && !mode.IsDir() { // to open a pipe waits for its writer
		s.problem = "is no regular file"
		return &s
	}
	if unchanged(old.info, info) {
		s.info = info
		return &s
	}
	content, err := readFile(f.path)
	if err != nil {
		s.problem = withoutPath(err)
		return &s
	}
	if now.Sub(info.ModTime()) > settled {
		s.info = info
	}
	digest := sha256.Sum256(content)
	if old.users != nil && digest == old.digest {
		s.problem = ""
		return &s
	}
	parsed, err := parseUsers(content)
	if err != nil {
		s.problem = err.Error()
		return &s
	}
	s.users, s.digest, s.told, s.problem = parsed, digest, &telemetry.Once{}, ""
	return &s
}

func unchanged(a, b fs.FileInfo) bool {
	return a != nil && os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// readFile reads at most a little more than parseUsers takes: the path may lead to anything.
func readFile(path string) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // the operator's own file
	if err != nil {
		return nil, err
	}
	var content bytes.Buffer
	_, err = content.ReadFrom(io.LimitReader(file, fileMaxBytes+1))
	_ = file.Close() // it was only read
	return content.Bytes(), err
}

// withoutPath is what went wrong, without the path that stands beside it already.
func withoutPath(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}
