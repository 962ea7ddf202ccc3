package auth

import "testing"

// BenchmarkBasicRemembered is what authentication costs each request of a sender that was let in lately.
func BenchmarkBasicRemembered(b *testing.B) {
	h := newHarness(b, line(b, "em", "right"))
	r := requestOf(b, basicValue("em", "right"))
	if err := h.Authenticate(r); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := h.Authenticate(r); err != nil {
			b.Fatal(err)
		}
	}
}

func TestARememberedPairCostsFewAllocations(t *testing.T) {
	h := newHarness(t, line(t, "em", "right"))
	r := requestOf(t, basicValue("em", "right"))
	const most = 12
	if n := testing.AllocsPerRun(100, func() { _ = h.Authenticate(r) }); n > most {
		t.Errorf("%v allocations, want at most %d", n, most)
	}
}
