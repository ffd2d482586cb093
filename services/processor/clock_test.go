package processor

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// start is a moment from which the tests count, so that 0 keeps its meaning.
const start = int64(1_700_000_000_000)

type beating struct {
	c   clock
	seq map[string]uint64
	// beats counts those with frames.
	beats uint64
}

func (b *beating) receiver(name string, at int64) { b.beat(name, "1", at, false) }

func (b *beating) beat(name, boot string, at int64, last bool) {
	if b.seq == nil {
		b.seq = map[string]uint64{}
	}
	b.seq[name+boot]++
	b.c.beat(&vigiev1.Beat{
		Writer: name, Boot: []byte(boot), Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "g",
		Sequence: b.seq[name+boot], TMs: start + at, Last: last,
	})
}

func (b *beating) desk(at int64) {
	b.c.beat(&vigiev1.Beat{Writer: "desk", Boot: []byte("1"), Kind: vigiev1.WriterKind_WRITER_KIND_DESK, TMs: start + at})
}

func (b *beating) want(t *testing.T, w, s int64) {
	t.Helper()
	if got := b.c.w - start; got != w {
		t.Errorf("W is %d ms after the start, want %d", got, w)
	}
	if got := b.c.s("g"); got != s {
		t.Errorf("S is %d ms, want %d", got, s)
	}
}

// Decision 5: W is the minimum over live writers; S counts receivers only.
func TestWatermarkIsTheLeastOfTheLiveWriters(t *testing.T) {
	var b beating
	b.receiver("a", 0)
	b.desk(100)
	b.receiver("a", 1000)
	b.want(t, 100, 1000)
	b.desk(1100)
	b.want(t, 1000, 1000)
}

// Decisions 6 and 49: silence is counted in the log, and at 5 s sets aside.
func TestSilentWriterIsSetAsideAfterFiveSecondsOfOthersBeats(t *testing.T) {
	var b beating
	b.receiver("a", 0)
	b.receiver("b", 0)
	for at := int64(1000); at <= 4000; at += 1000 {
		b.receiver("b", at)
	}
	b.want(t, 0, 0)
	b.receiver("b", 5000)
	b.want(t, 5000, 0)
	b.receiver("b", 6000)
	b.want(t, 6000, 1000)
}

// Decision 49: one beat after a jump proves one beat, not the whole jump.
func TestAJumpDoesNotSetTheOthersAside(t *testing.T) {
	var b beating
	b.receiver("a", 0)
	b.desk(0)
	b.receiver("a", 3_600_000)
	b.want(t, 0, 0)
	b.desk(3_600_000)
	b.want(t, 3_600_000, 0)
}

// Decision 7: W moves over an outage of ours, S does not.
func TestOwnOutageStopsTheSupervisionClock(t *testing.T) {
	var b beating
	b.receiver("a", 0)
	b.receiver("a", 1000)
	b.receiver("a", 601_000)
	b.want(t, 601_000, 1000)
	for at := int64(602_000); at <= 901_000; at += 1000 {
		b.receiver("a", at)
	}
	b.want(t, 901_000, 1000)
	b.receiver("a", 902_000)
	b.want(t, 902_000, 2000)
}

// Decision 48: after a pause panels are allowed as long again, at most 5 min, to be
// heard; a pause of less than 10 s is over when it is over.
func TestPanelsAreAllowedToConnectAnew(t *testing.T) {
	for pause, still := range map[int64]int64{2_501: 0, 9_999: 0, 10_000: 10_000, 60_000: 60_000, 300_001: 300_000, 3_600_000: 300_000} {
		var b beating
		b.receiver("a", 0)
		b.receiver("a", 1000)
		at := 1000 + pause
		b.receiver("a", at)
		b.want(t, at, 1000)
		for range 400 {
			at += 1000
			b.receiver("a", at)
		}
		b.want(t, at, 401_000-still)
	}
}

// Decision 5: a new boot is a new source; nobody listened in between.
func TestRestartedReceiverDoesNotCountItsAbsence(t *testing.T) {
	var b beating
	b.beat("a", "1", 0, false)
	b.beat("a", "1", 1000, false)
	b.beat("a", "2", 2000, false)
	b.want(t, 2000, 1000)
	b.beat("a", "2", 3000, false)
	b.want(t, 3000, 2000)
}

// Decision 37: a clean stop says so, and holds nobody back.
func TestCleanStopLeavesTheWatermarkFree(t *testing.T) {
	var b beating
	b.beat("a", "1", 0, false)
	b.desk(0)
	b.beat("a", "1", 500, true)
	b.desk(1000)
	if got := b.c.w - start; got != 1000 {
		t.Errorf("W is %d, want 1000", got)
	}
}

// Decision 49: T more than 5 s behind the others sets a beating writer aside.
func TestSlowClockIsSetAside(t *testing.T) {
	var b beating
	b.receiver("a", 0)
	b.receiver("b", 10_000)
	b.receiver("a", 100)
	b.want(t, 10_000, 0)
	b.receiver("a", 10_100)
	b.receiver("b", 10_200)
	if got := b.c.w - start; got != 10_100 {
		t.Errorf("W is %d, want 10100: the writer is back", got)
	}
}

// Decision 7: beyond 72 h two people must say so; durations are kept.
func TestImplausibleJumpIsRefusedUntilAdjusted(t *testing.T) {
	var b beating
	b.receiver("a", 0)
	b.receiver("a", 1000)
	b.receiver("a", maxJump+2000)
	b.want(t, 1000, 1000)
	if b.c.jump == 0 {
		t.Error("the refused jump does not show")
	}
	b.c.adjust([]byte("1"), start+maxJump+2000)
	b.receiver("a", maxJump+3000)
	b.want(t, maxJump+3000, 2000)
}

func TestSAtCountsOnlyTimeThatWasListenedTo(t *testing.T) {
	var b beating
	for _, at := range []int64{0, 1000, 2000, 11_900, 13_000} {
		b.receiver("a", at)
	}
	for at, want := range map[int64]int64{-5: 0, 0: 0, 500: 500, 2000: 2000, 7000: 2000, 11_900: 2000, 12_300: 2400, 13_000: 3100, 14_500: 4600, 99_000: 5600} {
		if got := b.c.sAt("g", start+at); got != want {
			t.Errorf("S at %d: got %d, want %d", at, got, want)
		}
	}
}

// An event is appended before the beat of its moment: what counts from it must not
// be shorter for that, by up to a pause between beats.
func TestAnEventAheadOfTheBeatCountsFromItsOwnMoment(t *testing.T) {
	for _, pause := range []int64{1, 900, maxBeatGap} {
		var b beating
		b.receiver("a", 0)
		b.receiver("a", 1000)
		event := start + 1000 + pause
		before := b.c.sAt("g", event)
		b.receiver("a", 1000+pause)
		if after := b.c.sAt("g", event); before != 1000+pause || after != before {
			t.Errorf("%d ms after a beat S is %d before the next one and %d after it, want %d", pause, before, after, 1000+pause)
		}
	}
}

// While S stands so that panels connect anew, an event that comes counts from there.
func TestAnEventAheadOfTheBeatWaitsForWhatIsAllowed(t *testing.T) {
	var b beating
	b.receiver("a", 0)
	b.receiver("a", 20_000)
	event := start + 21_000
	before := b.c.sAt("g", event)
	b.receiver("a", 21_000)
	if after := b.c.sAt("g", event); before != 0 || after != before {
		t.Errorf("S is %d before the beat and %d after it, want 0", before, after)
	}
}

// Neither clock ever goes back, S never outruns W, and SAt up to the last beat is
// at most S.
func TestClocksAreMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b beating
		lastW, lastS, firstT := int64(0), int64(0), int64(0)
		steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) [3]int64 {
			return [3]int64{rapid.Int64Range(0, 3).Draw(t, "writer"), rapid.Int64Range(1, 3).Draw(t, "boot"), rapid.Int64Range(-8000, 90_000).Draw(t, "step")}
		}), 1, 60).Draw(t, "steps")
		now := int64(100_000)
		for _, s := range steps {
			now += s[2] / 10
			if s[0] == 3 {
				b.desk(now)
			} else {
				b.beat(fmt.Sprint("r", s[0]), fmt.Sprint(s[1]), now, s[2]%7 == 0)
			}
			if firstT == 0 {
				firstT = b.c.w
			}
			if b.c.w < lastW || b.c.s("g") < lastS {
				t.Fatalf("a clock went back: W %d after %d, S %d after %d", b.c.w, lastW, b.c.s("g"), lastS)
			}
			lastW, lastS = b.c.w, b.c.s("g")
			g, heard := b.c.group("g")
			if !heard {
				continue
			}
			if at := b.c.sAt("g", 1<<60); at != lastS+max(0, maxBeatGap-g.allowed) {
				t.Fatalf("S now is %d, SAt of the future is %d", lastS, at)
			}
			for probe := int64(0); probe < 5; probe++ {
				if b.c.sAt("g", g.t-probe*700) > lastS {
					t.Fatal("SAt is above S")
				}
			}
		}
	})
}
