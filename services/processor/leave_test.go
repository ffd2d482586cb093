package processor

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
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
