package destination

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestFaultsOfTheTokenByCertificate: lost before or after a token was made, hung, or a fault of the endpoint: tried again, and the
// certificate still goes to certurl alone.
func TestFaultsOfTheTokenByCertificate(t *testing.T) {
	for name, fault := range map[string]reaction{
		"lost before the effect": {dropBefore: true},
		"lost after the effect":  {dropAfter: true},
		"hung":                   {hang: true},
		"503":                    {status: 503},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMutualStage(t, nil)
				attempts := attemptsMax
				if fault.hang {
					attempts = 2 // two that take their 30 s are all that a look has time for
				}
				m.btp.change(func(b *btp) {
					b.onToken = func(n int) reaction {
						if n < attempts {
							return fault
						}
						return reaction{}
					}
				})
				begin := time.Now()
				if m.version(t) == "" || time.Since(begin) > lookTimeout {
					t.Errorf("no identity after %v, want one by attempt %d:\n%s", time.Since(begin), attempts, m.log)
				}
				if n := m.btp.count("token"); n != attempts {
					t.Errorf("%d token requests, want %d", n, attempts)
				}
				if n := m.door.get(func(d *door) int { return d.secrets + d.shown[urlHost] }); n != 0 {
					t.Errorf("%d secrets at certurl or certificates at url, want none", n)
				}
			})
		})
	}
}

// TestOldIdentityServesWithoutAToken: no token by certificate ends nothing that works.
func TestOldIdentityServesWithoutAToken(t *testing.T) {
	for name, fault := range map[string]reaction{"before": {dropBefore: true}, "after": {dropAfter: true}} {
		synctest.Test(t, func(t *testing.T) {
			m := newMutualStage(t, nil)
			first := m.version(t)
			m.btp.change(func(b *btp) {
				clear(b.tokens)
				b.onToken = func(int) reaction { return fault }
			})
			for range 20 {
				time.Sleep(time.Minute)
				if m.version(t) != first {
					t.Fatalf("lost %s: the old identity gave way", name)
				}
			}
			synctest.Wait()
			if m.log.Count("the old certificate stays in use") == 0 {
				t.Errorf("lost %s: nothing was said:\n%s", name, m.log)
			}
		})
	}
}
