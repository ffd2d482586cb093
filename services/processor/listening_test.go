package processor

import (
	"slices"
	"testing"

	"github.com/open-vigie/vigie/schemas/packed"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// told is what is told of the group "g", moments as ms after the start.
func (b *beating) told() Listening {
	for _, l := range b.c.listening() {
		if l.Group != "g" {
			continue
		}
		for _, at := range []*int64{&l.SilentSinceMS, &l.BackMS, &l.BlindSinceMS} {
			if *at != 0 {
				*at -= start
			}
		}
		return l
	}
	return Listening{}
}

func (b *beating) wantTold(t *testing.T, silent, back int64, lost ...string) {
	t.Helper()
	if l := b.told(); l.SilentSinceMS != silent || l.BackMS != back || !slices.Equal(l.Lost, lost) {
		t.Fatalf("at %d s: silent since %d, back %d, lost %v; want %d, %d, %v", (b.c.w-start)/1000, l.SilentSinceMS, l.BackMS, l.Lost, silent, back, lost)
	}
}

// The issue of an outage: while the desk beats it is told after 10 s; when all is dark,
// with the first beat; and until panels had as long again.
func TestTheSilenceOfAllReceiversIsTold(t *testing.T) {
	for name, desk := range map[string]bool{"the desk beats": true, "all is dark": false} {
		t.Run(name, func(t *testing.T) {
			var b beating
			for s := int64(0); s <= 20; s++ {
				b.receiver("a", 1000*s)
				b.desk(1000 * s)
			}
			b.wantTold(t, 0, 0)
			for s := int64(21); s <= 120 && desk; s++ {
				b.desk(1000 * s)
				if b.c.w-start < 30_000 {
					b.wantTold(t, 0, 0)
				} else {
					b.wantTold(t, 20_000, 0)
				}
			}
			for s := int64(121); s < 222; s++ {
				b.desk(1000 * s)
				b.receiver("a", 1000*s)
				b.wantTold(t, 20_000, 121_000)
			}
			b.receiver("a", 222_000)
			b.wantTold(t, 0, 0)
		})
	}
}

func TestAShortPauseIsNotTold(t *testing.T) {
	var b beating
	b.receiver("a", 0)
	b.receiver("a", 1000)
	b.receiver("a", 10_999)
	b.wantTold(t, 0, 0)
}

// A second pause before panels had their time is the same outage.
func TestAnOutageThatFlickersIsOne(t *testing.T) {
	var b beating
	b.receiver("a", 1000)
	b.receiver("a", 61_000)
	b.receiver("a", 81_000)
	b.wantTold(t, 1000, 81_000)
}

// What nobody bridges by itself is told, too, once two people have said the time.
func TestAnAdjustedOutageIsTold(t *testing.T) {
	var b beating
	b.receiver("a", 1000)
	b.receiver("a", 2*maxJump)
	for s := int64(1); s <= 400; s++ { // What the pause allowed has passed: W stands all the same.
		b.receiver("a", 2*maxJump+1000*s)
	}
	b.c.adjust([]byte("x"), start+2*maxJump+400_000)
	b.receiver("a", 2*maxJump+401_000)
	b.wantTold(t, 1000, 2*maxJump+400_000)
}

func TestALostReceiverIsNamedWhileOthersListen(t *testing.T) {
	var b beating
	b.receiver("a", 0)
	b.receiver("b", 0)
	for s := int64(1); s < 30; s++ {
		b.receiver("a", 1000*s)
		b.wantTold(t, 0, 0)
	}
	b.receiver("a", 30_000)
	b.wantTold(t, 0, 0, "b")
	if n := b.told().Receivers; n != 2 {
		t.Errorf("%d receivers are known", n)
	}
	b.receiver("b", 31_000)
	b.wantTold(t, 0, 0)
	b.beat("b", "1", 32_000, true) // said that it stops
	for s := int64(32); s < 100; s++ {
		b.receiver("a", 1000*s)
	}
	b.wantTold(t, 0, 0)
}

func TestAReceiverAwayForADayIsOutOfService(t *testing.T) {
	var b beating
	b.receiver("a", 0)
	b.receiver("b", 0)
	for s := int64(0); s < lostTold/1000; s += 2 {
		b.receiver("a", 1000*s)
	}
	b.wantTold(t, 0, 0, "b")
	b.receiver("a", lostTold)
	b.wantTold(t, 0, 0)
}

// take lets a second pass each, with so many frames.
func (b *beating) frames(from, to int64, perSecond uint64) {
	for s := from; s < to; s++ {
		b.beats++
		b.c.beat(&vigiev1.Beat{
			Writer: "a", Boot: []byte("1"), Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "g", Sequence: b.beats, TMs: start + 1000*s,
			Listeners: []*vigiev1.ListenerFacts{{Listener: "udp", Frames: perSecond / 2, CanaryAgeMs: -1}, {Listener: "tcp", Frames: perSecond - perSecond/2, CanaryAgeMs: -1}},
		})
	}
}

// Decision 48: S stands while ingress is far below its own recent rate.
func TestIngressFarBelowItsRateIsBlindness(t *testing.T) {
	for name, c := range map[string]struct {
		usual, then uint64
		learnt      int64
		blind       bool
	}{
		"a tenth is not far below":     {100, 10, 402, false},
		"less is":                      {100, 9, 402, true},
		"nothing at all":               {100, 0, 402, true},
		"few frames may stay away":     {9, 0, 402, false},
		"who is new has no rate yet":   {100, 0, 290, false},
		"whose rate is known, has one": {100, 0, 322, true},
	} {
		t.Run(name, func(t *testing.T) {
			var b beating
			b.frames(0, c.learnt, c.usual)
			b.frames(c.learnt, c.learnt+60, c.then)
			blind := b.told().BlindSinceMS != 0
			if blind != c.blind {
				t.Fatalf("blind: %v", blind)
			}
			stood := b.c.w - start - b.c.s("g")
			if want := int64(40_000); blind && stood < want || !blind && stood != 0 {
				t.Errorf("S has stood for %d ms", stood)
			}
		})
	}
}

// Panels that poll in step leave windows empty: their group is never judged.
func TestPanelsThatPollInStepBlindNobody(t *testing.T) {
	var b beating
	for s := int64(0); s < 1_000; s += 30 {
		b.frames(s, s+1, 10_000)
		b.frames(s+1, s+30, 0)
		if b.told().BlindSinceMS != 0 {
			t.Fatalf("blind after %d s", s)
		}
	}
}

// When frames come again panels have as long again; then S runs, and blindness is
// found again.
func TestBlindnessEnds(t *testing.T) {
	var b beating
	b.frames(0, 401, 100)
	b.frames(401, 501, 0)
	since := b.told().BlindSinceMS
	if since == 0 || since > 411_000 {
		t.Fatalf("blind since %d", since)
	}
	b.frames(501, 521, 100)
	if b.told().BlindSinceMS != 0 {
		t.Fatal("still blind")
	}
	stood := b.c.s("g")
	b.frames(521, 590, 100)
	if b.c.s("g") != stood {
		t.Error("panels had no time to connect anew")
	}
	b.frames(590, 1_100, 100)
	b.frames(1_100, 1_130, 0)
	if b.told().BlindSinceMS == 0 {
		t.Error("the second time nobody is blind")
	}
}

// Panels that left for ever must not keep the others from being missed.
func TestBlindnessIsBounded(t *testing.T) {
	var b beating
	b.frames(0, 401, 100)
	b.frames(401, 4_300, 1)
	if b.told().BlindSinceMS != 0 {
		t.Fatal("blind for more than an hour")
	}
	before := b.c.s("g")
	b.frames(4_300, 4_400, 1)
	if b.c.s("g") <= before {
		t.Error("S still stands")
	}
}

// An outage ends blindness: it is told instead, and S does not stand for ever.
func TestAnOutageInBlindnessIsAnOutage(t *testing.T) {
	var b beating
	b.frames(0, 401, 100)
	b.frames(401, 450, 0)
	b.frames(550, 551, 100)
	if l := b.told(); l.BlindSinceMS != 0 || l.BackMS != 550_000 {
		t.Fatalf("%+v", l)
	}
	before := b.c.s("g")
	b.frames(551, 1_000, 100)
	if b.c.s("g") < before+300_000 {
		t.Errorf("S ran %d ms of 449 s", b.c.s("g")-before)
	}
}

// What is told is part of the state.
func TestListeningSurvivesTheState(t *testing.T) {
	for name, live := range map[string]func(b *beating){
		"blind":  func(b *beating) { b.frames(0, 401, 100); b.frames(401, 450, 0) },
		"silent": func(b *beating) { b.receiver("a", 1000); b.receiver("a", 61_000) },
	} {
		t.Run(name, func(t *testing.T) {
			var b, back beating
			live(&b)
			w := packed.Writer(nil)
			b.c.pack(w, stateFormat)
			r := packed.Reader(w.Written())
			back.c.pack(r, stateFormat)
			if err := r.End(); err != nil {
				t.Fatal(err)
			}
			again := packed.Writer(nil)
			if back.c.pack(again, stateFormat); !slices.Equal(again.Written(), w.Written()) {
				t.Error("the state is another when it is written again")
			}
			if b, a := b.told(), back.told(); b.SilentSinceMS+b.BlindSinceMS == 0 || b.SilentSinceMS != a.SilentSinceMS || b.BackMS != a.BackMS || b.BlindSinceMS != a.BlindSinceMS {
				t.Errorf("%+v, read back %+v", b, a)
			}
		})
	}
}
