package processor

import "testing"

// flap lets a beat each second while b starts anew every 15 s and dies at once;
// each time S waits 5 s for b's panels, until it may no more. from and to in s.
func (b *beating) flap(from, to int64) {
	for s := from; s < to; s++ {
		b.receiver("a", 1000*s)
		if s%15 == 0 {
			b.beat("b", string(rune('A'+s)), 1000*s, false)
		}
	}
}

// Decision 6: pauses of S for a receiver that fell silent are capped at 60 s in
// 10 min, or one that comes and goes would keep silence from being found; past the
// cap supervision is degraded, and says so.
func TestFailOverPausesAreCapped(t *testing.T) {
	var b beating
	paused := func() int64 { return (b.c.w - start) - b.c.s("g") }
	degraded := func() bool { return b.c.clocks()[0].Degraded }
	b.flap(0, 150)
	if p := paused(); p < 40_000 || p > maxFailover || degraded() {
		t.Fatalf("after 150 s S has stood still for %d ms, degraded %v", p, degraded())
	}
	b.flap(150, 600)
	if p := paused(); p > maxFailover || !degraded() {
		t.Fatalf("after 10 min S has stood still for %d ms, degraded %v", p, degraded())
	}
	// An outage of ours is none of these: nobody listened, and as long is allowed again.
	for s := int64(700); s < 850; s++ {
		b.receiver("a", 1000*s)
	}
	before := paused()
	if before < 190_000 {
		t.Fatalf("an outage of 100 s is not twice in the %d ms for which S has stood still", before)
	}
	// Quiet for the window: all is as before, and fail-overs have their pause again.
	for s := int64(850); s < 1400; s++ {
		b.receiver("a", 1000*s)
	}
	if degraded() || paused() != before {
		t.Fatalf("after ten quiet minutes: degraded %v, S stood still for %d ms more", degraded(), paused()-before)
	}
	b.flap(1400, 1450)
	if paused() <= before || degraded() {
		t.Errorf("a fail-over has no pause any more, degraded %v", degraded())
	}
}
