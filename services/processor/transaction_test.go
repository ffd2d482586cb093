package processor

import (
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Decision 15: what fences a processor that the group has given up, and whose
// transactional id nobody took, is its member id and generation in the commit of
// its offsets. Each commit says them, also one that holds a partition where it stands.
func TestEveryOffsetCommitSaysWhoCommits(t *testing.T) {
	w := newWorld(t, 71)
	var mu sync.Mutex
	commits := 0
	w.cluster.ControlKey(int16(kmsg.TxnOffsetCommit), func(req kmsg.Request) (kmsg.Response, error, bool) {
		mu.Lock()
		defer mu.Unlock()
		commits++
		r := req.(*kmsg.TxnOffsetCommitRequest)
		if r.MemberID == "" || r.Generation < 0 || r.InstanceID == nil || *r.InstanceID == "" || r.Group != w.cfg.Group("processor") {
			t.Errorf("an offset commit of group %q does not say who commits: member %q, generation %d, instance %v", r.Group, r.MemberID, r.Generation, r.InstanceID)
		}
		return nil, nil, false
	})
	w.start("a")
	w.live(2)
	stands := map[int32]int64{1: w.poison(1, newestEnvelope, 1)}
	w.feed(3)
	w.settledBut(stands)
	mu.Lock()
	defer mu.Unlock()
	if commits < 2 {
		t.Errorf("%d commits were seen", commits)
	}
}

// Decision 51: the answer to a commit is lost in the broker, which says that it does
// not know; the client aborts, is told that this went well, and tells us so. Yet the
// transaction was committed: sending its outputs again would double them.
func TestAnAbortThatWasACommitDoublesNothing(t *testing.T) {
	w := newWorld(t, 72)
	w.start("a")
	w.live(2)
	liar := &lyingCoordinator{w: w}
	w.cluster.ControlKey(int16(kmsg.EndTxn), liar.end)
	w.feed(5)
	w.settled()
	if !liar.lied() {
		t.Fatal("no transaction was committed behind an abort")
	}
	w.live(2)
	w.check()
}

// lyingCoordinator commits one transaction and says that it does not know. The
// client takes that for an abort.
type lyingCoordinator struct {
	w    *world
	mu   sync.Mutex
	lies int
	// committed: the broker did what it does not tell.
	committed bool
}

func (l *lyingCoordinator) end(req kmsg.Request) (kmsg.Response, error, bool) {
	r := req.(*kmsg.EndTxnRequest)
	l.mu.Lock()
	lie := r.Commit && l.lies == 0
	if lie {
		l.lies++
	}
	l.mu.Unlock()
	if !lie {
		return nil, nil, false
	}
	l.w.cluster.KeepControl() // It is asked again by commit, and goes out of the way.
	l.w.cluster.SleepControl(func() { l.commit(*r) })
	answer := r.ResponseKind().(*kmsg.EndTxnResponse)
	answer.ErrorCode = kerr.UnknownServerError.Code
	return answer, nil, true
}

// commit asks for what the processor asked for, on another connection.
func (l *lyingCoordinator) commit(r kmsg.EndTxnRequest) {
	answer, err := r.RequestWith(l.w.t.Context(), l.w.cl)
	if err == nil {
		err = kerr.ErrorForCode(answer.ErrorCode)
	}
	if err != nil {
		l.w.t.Errorf("commit behind the processor's back: %v", err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.committed = true
}

func (l *lyingCoordinator) lied() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.committed
}
