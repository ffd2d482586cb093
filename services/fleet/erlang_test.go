package fleet

import "testing"

// The tables of the field: a load of 3 Erlang at 180 s of handling, 60 calls an hour.
func TestErlangC(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ servers, waits, within20 uint64 }{{4, 509, 544}, {5, 236, 811}, {6, 99, 929}} {
		waits, within := erlangC(c.servers, 3_000), answeredWithin(c.servers, 3_000, 20_000, 180_000)
		if near(waits) != c.waits || near(within) != c.within20 {
			t.Errorf("%d servers: %d wait, %d are answered within 20 s, want %d and %d thousandths", c.servers, near(waits), near(within), c.waits, c.within20)
		}
	}
	if erlangC(3, 3_000) != one {
		t.Error("a load equal to the servers is stable")
	}
}

func TestErlangA(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ servers, waits, abandons uint64 }{{3, 537, 245}, {4, 330, 122}, {5, 174, 54}, {6, 80, 21}} {
		waits, abandons := erlangA(c.servers, 3_000, 180_000, 120_000)
		if near(waits) != c.waits || near(abandons) != c.abandons {
			t.Errorf("%d servers: %d wait, %d hang up, want %d and %d thousandths", c.servers, near(waits), near(abandons), c.waits, c.abandons)
		}
	}
}

// near rounds billionths to thousandths.
func near(x uint64) uint64 { return (x + 500_000) / 1_000_000 }

func TestExpNeg(t *testing.T) {
	t.Parallel()
	for x, want := range map[uint64]uint64{0: 1_000_000_000, one: 367_879_441, 5 * one: 6_737_947, 60 * one: 0} {
		if got := expNeg(x); got > want+50 || got+50 < want {
			t.Errorf("e^-%d is %d, want %d billionths", x/one, got, want)
		}
	}
}
