package destination

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestRotatedSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		first := s.version(t)
		s.btp.change(func(b *btp) {
			b.secret, b.answer, b.etag = "new", generated(t, "orders", 30*day), "e2"
			clear(b.tokens) // the old client is dead with its tokens
		})
		time.Sleep(6 * time.Minute)
		if v := s.version(t); v != first { // begins a look that finds neither token nor secret accepted
			t.Errorf("the old identity was dropped for %q", v)
		}
		time.Sleep(time.Second)
		if n := s.log.Count("client-refused"); n != 1 || s.bindingReads() != 3 {
			t.Errorf("%d refusals logged, binding read %d times; want 1, and another read after the 401", n, s.bindingReads())
		}
		s.mu.Lock()
		s.secret = "new"
		s.mu.Unlock()
		time.Sleep(6 * time.Minute)
		s.version(t)
		time.Sleep(time.Second)
		if v := s.version(t); v == first || v == "" || len(s.told()) != 1 || s.told()[0] != v {
			t.Errorf("with the new secret: version %q, changes %v; want another one, told once", v, s.told())
		}
	})
}

// The old secret dies and the new binding is there at once: the look that meets the 401 succeeds with it.
func TestRotatedBindingWithinOneLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		first := s.version(t)
		s.btp.change(func(b *btp) {
			b.secret, b.answer = "new", generated(t, "orders", 30*day) // another instance's certificate, under the same etag
			clear(b.tokens)
		})
		s.mu.Lock()
		s.secret = "new"
		s.mu.Unlock()
		time.Sleep(6 * time.Minute)
		s.version(t)
		if told := s.told(); len(told) != 1 || s.version(t) == first || s.counters.Value("destination_look_failures") != 0 {
			t.Errorf("told %v, %d failed looks; want the new certificate by the one look", told, s.counters.Value("destination_look_failures"))
		}
		if full := s.btp.count("find") - s.btp.count("find if-none-match"); full != 2 {
			t.Errorf("%d unconditional finds, want 2: an etag is not another client's", full)
		}
	})
}

func TestUnchanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { s.Run(ctx) })
		time.Sleep(24 * time.Hour)
		cancel()
		run.Wait()
		finds, conditional := s.btp.count("find"), s.btp.count("find if-none-match")
		if finds < 24*60*10/55 || finds > 24*60*10/45+1 {
			t.Errorf("a day took %d finds, want about 288", finds)
		}
		if full := finds - conditional; full < 20 || full > 25 {
			t.Errorf("%d of %d finds were unconditional, want one an hour", full, finds)
		}
		if len(s.told()) != 0 || s.log.Count("certificate found") != 1 {
			t.Errorf("changes %v, found %d times; want none told and the first found", s.told(), s.log.Count("certificate found"))
		}
	})
}

func TestRenewalUnderAnUnchangedETag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.btp.change(func(b *btp) { b.answer = generated(t, "orders", 2*day) }) // renewed from a day before the end
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { s.Run(ctx) })
		time.Sleep(day + time.Hour)
		first := s.version(t)
		s.btp.change(func(b *btp) { b.answer = generated(t, "orders", 2*day) }) // the same etag
		renewed := time.Now()
		for s.version(t) == first && time.Since(renewed) < time.Hour {
			time.Sleep(time.Second)
		}
		if d := time.Since(renewed); d > 6*time.Minute {
			t.Errorf("a renewal past its time was seen after %v, want an interval at most", d)
		}
		cancel()
		run.Wait()
		if len(s.told()) != 1 || s.told()[0] != s.version(t) {
			t.Errorf("changes = %v, want the new version told once", s.told())
		}
	})
}
