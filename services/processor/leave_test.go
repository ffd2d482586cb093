package processor

import (
	"errors"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/open-vigie/vigie/services/eventlog"
)

// Decision 15: a planned stop gives its place in the group up at once, when it is for
// good; a restart in place does not. Nothing is lost or doubled either way.
func TestAStopForGoodLeavesTheGroup(t *testing.T) {
	w := newWorld(t, 91)
	group := w.cfg.Group("processor")
	places := func() (names []string) {
		// A client of its own: that of the world remembers who was the coordinator.
		cl, err := kgo.NewClient(w.cfg.ReaderOpts(quiet())...)
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		described, err := kadm.NewClient(cl).DescribeGroups(t.Context(), group)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range described[group].Members {
			names = append(names, *m.InstanceID)
		}
		slices.Sort(names)
		return names
	}
	w.start("a")
	b := w.start("b")
	<-b.p.Ready()
	w.live(5)
	b.stop()
	if err := <-b.done; err != nil {
		t.Fatal(err)
	}
	if got, want := places(), []string{group + ".a", group + ".b"}; !slices.Equal(got, want) {
		t.Errorf("after a stop for a restart the group has %v, want %v", got, want)
	}
	b = w.start("b")
	<-b.p.Ready()
	b.forGood.Store(true)
	b.stop()
	if err := <-b.done; err != nil {
		t.Fatal(err)
	}
	if got, want := places(), []string{group + ".a"}; !slices.Equal(got, want) {
		t.Errorf("after a stop for good the group has %v, want %v", got, want)
	}
	w.live(5)
	w.check()
}

// Whose place is said to be taken ends, for two of one name would take it from each
// other for ever. Not so soon after its client had to be made anew: then it may have
// been the former client that took it.
func TestAPlaceThatIsTaken(t *testing.T) {
	taken := kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.FencedInstanceID, Count: 1}
	t.Run("by another", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, 93)
		in := w.start("a")
		w.live(2)
		w.cluster.Fault(taken)
		w.feed(3)
		if err := <-in.done; !errors.Is(err, eventlog.ErrNameTaken) {
			t.Errorf("it ended with %v", err)
		}
		w.start("a")
		w.live(2)
		w.check()
	})
	t.Run("by its former client", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, 95)
		w.start("a")
		w.live(2)
		w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.ProducerFenced, Count: 1, TopLevel: true})
		w.live(3)
		w.cluster.Fault(taken)
		w.live(3)
		w.check()
	})
}
