package processor

import (
	"errors"
	"testing"
	"time"

	"github.com/open-vigie/vigie/services/eventlog"
)

// An installation that comes back after more than MaxJump lets no time pass, until
// two people say that the clocks are right. Then time goes on, in every partition,
// and the outputs are those of one thread.
func TestTwoPeopleLetTimeGoOnAfterALongStandstill(t *testing.T) {
	w := newWorld(t, 5)
	w.start("a")
	w.live(3)
	before := w.times()
	w.now += (MaxJump + time.Hour).Milliseconds()
	w.live(3)
	stuck := w.times()
	for p, now := range stuck {
		if !now.Watermark.Equal(before[p].Watermark) || now.Behind() <= MaxJump {
			t.Fatalf("partition %d came from %v to %v, %s behind: it went on by itself", p, before[p].Watermark, now.Watermark, now.Behind())
		}
	}
	all := []int32{0, 1, 2}
	for _, by := range [][2]string{{}, {"a.martin"}, {"a.martin", "a.martin"}} {
		err := eventlog.AdjustClock(t.Context(), w.cfg, eventlog.Adjustment{To: stuck[0].Newest, Reason: "holidays", By: by}, all)
		if !errors.Is(err, eventlog.ErrTwoPeople) {
			t.Fatalf("the word of %q moved time: %v", by, err)
		}
	}
	if err := eventlog.AdjustClock(t.Context(), w.cfg, eventlog.Adjustment{To: stuck[0].Newest, Reason: "holidays", By: [2]string{"a.martin", "c.petit"}}, all); err != nil {
		t.Fatal(err)
	}
	w.live(3)
	for p, now := range w.times() {
		if now.Behind() > time.Minute || now.Unfolded > 0 {
			t.Errorf("partition %d stands at %v, %s behind, %d records not folded", p, now.Watermark, now.Behind(), now.Unfolded)
		}
	}
	w.check()
}

// times are the log's times once all that is in it is folded and said so.
func (w *world) times() []eventlog.PartitionTime {
	w.t.Helper()
	times, err := eventlog.Times(w.t.Context(), w.cfg, quiet())
	if err != nil || len(times) != testPartitions {
		w.t.Fatalf("%v, %v", times, err)
	}
	return times
}
