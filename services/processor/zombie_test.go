package processor

import (
	"testing"

	"github.com/open-vigie/vigie/schemas/topics"
)

// gated is the tests' fold, frozen inside one record until a test lets it go on.
type gated struct {
	*tally
	reached chan<- struct{}
	open    <-chan struct{}
}

func (f gated) Apply(ctx *Context, r Record) {
	if r.Log.GetEvent().GetSite() == unlucky {
		select {
		case f.reached <- struct{}{}:
		default:
		}
		<-f.open
	}
	f.tally.Apply(ctx, r)
}

// Decision 15: a process frozen between two transactions, whose partitions another
// has meanwhile folded further, wakes up and wants to commit as if nothing had
// been. No open transaction of its was there to end; its generation fences it.
func TestAFrozenZombieCommitsNothing(t *testing.T) {
	w := newWorld(t, 61)
	reached, open := make(chan struct{}, 1), make(chan struct{})
	w.newFold = func() Fold { return gated{newTally().(*tally), reached, open} }
	frozen := w.start("a")
	w.live(2)
	w.newFold = newTally
	w.poison(0, envelopeVersion, unlucky)
	w.feed(3)
	<-reached
	frozen.sever()
	w.start("b")
	w.feed(5)
	w.settled()
	frozen.cut.Store(false)
	close(open)
	w.live(5)
	w.check()
}

// A zombie: cut off, its partitions taken over by another, then back.
func TestZombiesOutputsNeverShow(t *testing.T) {
	w := newWorld(t, 9)
	zombie := w.start("a")
	w.feed(20)
	w.waitForSome(topics.Detections)
	zombie.sever()
	w.start("b")
	w.feed(20)
	w.settled()
	zombie.cut.Store(false)
	w.feed(20)
	w.settled()
	w.check()
}
