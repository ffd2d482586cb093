package archiver

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/warehouse"
	"github.com/open-vigie/vigie/services/warehouse/enginetest"
)

// flown is a handler of blocks of two records, whose inserts the test lets go.
type flown struct {
	*handler
	p eventlog.Partition
	// sent has the token of each insert; answers what becomes of it.
	sent    chan string
	answers chan error
	// noted is the newest commit.
	noted atomic.Pointer[eventlog.Committed]
}

func newFlown(t *testing.T) *flown {
	t.Helper()
	m, err := newMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &flown{p: eventlog.Partition{Topic: "vigie.events", Number: 0}, sent: make(chan string, 9), answers: make(chan error, 9)}
	f.handler = &handler{cfg: Config{FlushEvery: time.Hour, QuietEvery: time.Hour, BlockUnits: 2}, metrics: m, parts: map[eventlog.Partition]*part{}, backlog: m.lag.backlog,
		logs: &logNames{cluster: "c", ids: map[string]string{f.p.Topic: "id"}},
		deps: Deps{Log: discard, Now: time.Now, Insert: func(_ context.Context, _, token string, _ []warehouse.Column) error {
			f.sent <- token
			return <-f.answers
		}}}
	err = f.Assigned(context.Background(), f.p, eventlog.Committed{}, func(_ context.Context, c eventlog.Committed) error {
		f.noted.Store(&c)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *flown) consume(t *testing.T, offsets ...int64) eventlog.Committed {
	t.Helper()
	safe, err := f.Consume(context.Background(), f.p, recordsAt(f.p, offsets...))
	if err != nil {
		t.Fatal(err)
	}
	return safe
}

func recordsAt(p eventlog.Partition, offsets ...int64) (out []*kgo.Record) {
	for _, o := range offsets {
		out = append(out, &kgo.Record{Topic: p.Topic, Offset: o, Value: []byte{}})
	}
	return out
}

// While a block is on its way its plan stands beside the offset before it, whatever
// else is committed: or who takes over after a crash would cut another block.
func TestPlanStandsWhileItsBlockIsOnItsWay(t *testing.T) {
	f := newFlown(t)
	safe := f.consume(t, 0, 1, 2)
	if token := <-f.sent; token != "v1:c:id:0:0.0-1.0" {
		t.Fatal(token)
	}
	for _, at := range []eventlog.Committed{safe, *f.noted.Load()} {
		n, err := parseNote(at.Metadata)
		if err != nil || at.Offset != 0 || n.plan == nil || n.plan.token() != "v1:c:id:0:0.0-1.0" {
			t.Errorf("committed is %+v, %v", at, err)
		}
	}
	f.answers <- nil
	if safe = f.consume(t); safe.Offset != 2 || safe.Metadata != (note{}).String() {
		t.Errorf("landed, safe is %+v", safe)
	}
}

// One block ahead and no more: the next full one waits for the one on its way.
func TestOneBlockAheadAtMost(t *testing.T) { synctest.Test(t, oneBlockAheadAtMost) }

func oneBlockAheadAtMost(t *testing.T) {
	f := newFlown(t)
	done := make(chan eventlog.Committed)
	go func() { done <- f.consume(t, 0, 1, 2, 3, 4) }()
	<-f.sent
	synctest.Wait()
	select {
	case token := <-f.sent:
		t.Fatalf("%s was sent while another was on its way", token)
	case <-done:
		t.Fatal("a second block was taken while the first was on its way")
	default:
	}
	f.answers <- nil
	if token := <-f.sent; token != "v1:c:id:0:2.0-3.0" {
		t.Error(token)
	}
	if safe := <-done; safe.Offset != 2 {
		t.Errorf("safe is %+v", safe)
	}
	f.answers <- nil
	if safe := f.consume(t); safe.Offset != 4 {
		t.Errorf("safe is %+v", safe)
	}
}

// What did not arrive is sent again as it was, before anything else.
func TestBlockThatDidNotArriveIsSentAgain(t *testing.T) {
	f := newFlown(t)
	f.consume(t, 0, 1, 2)
	first := <-f.sent
	for _, answer := range []error{errors.New("away"), errors.New("still away"), nil} {
		f.answers <- answer
	}
	if _, err := f.Consume(context.Background(), f.p, nil); err == nil {
		t.Fatal("a block that did not arrive was taken for done")
	}
	if safe := f.consume(t, 0, 1, 2); safe.Offset != 2 {
		t.Errorf("safe is %+v", safe)
	}
	if second, third := <-f.sent, <-f.sent; second != first || third != first || len(f.sent) > 0 {
		t.Errorf("sent %s, %s, %s and %d more", first, second, third, len(f.sent))
	}
}

// Who lets a partition go does nothing of it afterwards.
func TestRevokedWaitsForTheBlockOnItsWay(t *testing.T) { synctest.Test(t, revokedWaits) }

func revokedWaits(t *testing.T) {
	f := newFlown(t)
	f.consume(t, 0, 1, 2)
	<-f.sent
	gone := make(chan struct{})
	go func() {
		f.Revoked(f.p)
		close(gone)
	}()
	synctest.Wait()
	select {
	case <-gone:
		t.Error("the partition was let go in mid-insert")
	default:
	}
	f.answers <- nil
	<-gone
}

// A block that was made ready and is not sent gives its connection back.
func TestBlocksMadeReadyAreGivenBack(t *testing.T) {
	f := newFlown(t)
	db := enginetest.Open(t, enginetest.Shared(t))
	f.prepare = db.Prepare
	for range 2 { // on its way, and once more when it is to land
		f.answers <- errors.New("away")
	}
	if _, err := f.Consume(context.Background(), f.p, recordsAt(f.p, 0, 1, 2, 3, 4)); err == nil {
		t.Fatal("a block that did not arrive was taken for done")
	}
	open := db.Conn().Stats().Open
	if n := f.gotReady.Load(); n != 1 || open != 1 {
		t.Errorf("%d tables were made ready, on %d connections", n, open)
	}
	f.Revoked(f.p)
	if n, open := f.gotReady.Load(), db.Conn().Stats().Open; n != 0 || open != 0 {
		t.Errorf("let go, %d tables are still ready, on %d connections", n, open)
	}
}
