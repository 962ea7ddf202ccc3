package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/trustbridge/trustbridge/shared/telemetry"
)

const (
	// rememberFor is how long a verified pair needs no other check. A changed hash ends it at once, since the hash is part
	// of the pair.
	rememberFor = 10 * time.Minute
	// rememberMost bounds the pairs that are remembered.
	rememberMost = 4096
	// waitMost is how long a check waits for its turn, and waitingMost how many do in a lane.
	waitMost    = 2 * time.Second
	waitingMost = 32
)

// The two verdicts of a check that do not let in.
var (
	errWrong = errors.New("no such user and password")
	errBusy  = errors.New("too many passwords to check at once")
)

// pair is a keyed hash of a name, the bcrypt hash it has in the file and a password. The key is random and of this process
// alone, so that nobody can make a table of pairs beforehand, or aim at equal places in a map.
type pair [sha256.Size]byte

// verifier checks passwords, few at once. Equal pairs that come at once are checked once.
type verifier struct {
	key       []byte
	counters  *telemetry.Counters
	compare   func(hash, password []byte) error // bcrypt's
	strangers *lane
	known     *lane // for pairs that were right before: who never had a password cannot crowd it

	mu       sync.Mutex // guards what follows, never held while a password is checked
	verified map[pair]time.Time
	flights  map[pair]*flight
}

// flight is a check under way. err may be read when done is closed.
type flight struct {
	done chan struct{}
	err  error
}

// newVerifier makes a verifier that gives strangers half of the processors, at least one, and those who were let in before
// one more check at a time.
func newVerifier(counters *telemetry.Counters) *verifier {
	v := &verifier{
		key: make([]byte, sha256.Size), counters: counters, compare: bcrypt.CompareHashAndPassword,
		strangers: newLane(max(1, runtime.GOMAXPROCS(0)/2)), known: newLane(1),
		verified: make(map[pair]time.Time), flights: make(map[pair]*flight),
	}
	_, _ = rand.Read(v.key) // never fails: the program ends where it would
	return v
}

// pair is the pair of the credentials and the hash.
func (v *verifier) pair(c credentials, hash string) pair {
	mac := hmac.New(sha256.New, v.key)
	var sizes [16]byte // so that no two pairs run together to the same text
	binary.BigEndian.PutUint64(sizes[:8], uint64(len(c.name)))
	binary.BigEndian.PutUint64(sizes[8:], uint64(len(hash)))
	mac.Write(sizes[:])
	mac.Write([]byte(c.name))
	mac.Write([]byte(hash))
	mac.Write([]byte(c.password))
	return pair(mac.Sum(nil))
}

// remembered reports whether the pair was verified lately.
func (v *verifier) remembered(p pair) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.fresh(p)
}

func (v *verifier) fresh(p pair) bool {
	at, found := v.verified[p]
	return found && time.Since(at) < rememberFor
}

// verify tells whether the credentials are those of a user: nil, errWrong, or errBusy if that could not be told in time. An
// unknown user is checked against the hash of another one, always the same, and refused whatever comes out: it takes the
// time that a wrong password of a user of this file takes, whatever the costs of the hashes are.
func (v *verifier) verify(ctx context.Context, u *users, c credentials) error {
	hash, exists := u.hashes[c.name]
	p := v.pair(c, hash)
	v.mu.Lock()
	if exists && v.fresh(p) {
		v.mu.Unlock()
		return nil
	}
	if f, flying := v.flights[p]; flying {
		v.mu.Unlock()
		select {
		case <-f.done:
			return f.err
		case <-ctx.Done():
			return errBusy
		}
	}
	f := &flight{done: make(chan struct{}), err: errBusy}
	v.flights[p] = f
	_, before := v.verified[p]
	v.mu.Unlock()

	defer v.land(p, f) // even if a check panics: those who wait for it would wait forever
	l := v.strangers
	if before {
		l = v.known
	}
	if !exists {
		chosen := v.pair(credentials{name: c.name}, "")
		hash = u.order[binary.BigEndian.Uint64(chosen[:])%uint64(len(u.order))]
	}
	// Not ended by ctx: others may wait for the same check, and it is soon over.
	l.do(func() {
		v.counters.Add(countChecked, 1)
		if err := v.compare([]byte(hash), []byte(c.password)); err != nil || !exists {
			f.err = errWrong
			return
		}
		f.err = nil
	})
	return f.err
}

// land ends a flight and keeps what it found.
func (v *verifier) land(p pair, f *flight) {
	v.mu.Lock()
	delete(v.flights, p)
	if f.err == nil {
		v.remember(p)
	}
	v.mu.Unlock()
	close(f.done)
}

// remember keeps the pair, in the place of the oldest if there is no room. Pairs past their time stay as long as there is
// room: they are the ones that need not wait behind strangers.
func (v *verifier) remember(p pair) {
	if _, found := v.verified[p]; !found && len(v.verified) >= rememberMost {
		var oldest pair
		var since time.Time
		for q, at := range v.verified {
			if since.IsZero() || at.Before(since) {
				oldest, since = q, at
			}
		}
		delete(v.verified, oldest)
	}
	v.verified[p] = time.Now()
}

// lane lets a number of checks run at once, and a number wait for a while.
type lane struct {
	slots   chan struct{}
	waiting atomic.Int64
}

func newLane(slots int) *lane { return &lane{slots: make(chan struct{}, slots)} }

// do runs check when it is its turn, or not at all if too many wait or it takes too long.
func (l *lane) do(check func()) {
	select {
	case l.slots <- struct{}{}:
	default:
		if !l.wait() {
			return
		}
	}
	defer func() { <-l.slots }()
	check()
}

func (l *lane) wait() bool {
	defer l.waiting.Add(-1)
	if l.waiting.Add(1) > waitingMost {
		return false
	}
	timer := time.NewTimer(waitMost)
	defer timer.Stop()
	select {
	case l.slots <- struct{}{}:
		return true
	case <-timer.C:
		return false
	}
}
