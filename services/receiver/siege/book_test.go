package siege

import (
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// kinds of messages whose times are kept apart: a poll waits for its beat, an alarm
// does not; who connects first waits for that as well.
const (
	kindAlarm    = "alarms, held connection"
	kindRedial   = "alarms, new connection"
	kindDatagram = "alarms, UDP"
	kindPoll     = "polls"
)

var kinds = []string{kindAlarm, kindRedial, kindDatagram, kindPoll}

func (m *message) kind() string {
	switch {
	case !m.alarm:
		return kindPoll
	case m.from.habit == redials:
		return kindRedial
	case m.from.habit == datagrams:
		return kindDatagram
	}
	return kindAlarm
}

// sentLate: a frame that leaves that long after its time is the generator's delay. A
// phase in which more than lateShare of the frames did is not valid.
const (
	sentLate  = 10 * time.Millisecond
	lateShare = 0.01
)

// book is what a phase's messages became.
type book struct {
	load load

	mu       sync.Mutex
	begin    time.Time
	kinds    map[string]*tally
	lateness *hdrhistogram.Histogram
	lates    int
	sent     int
	open     int
	// settled is signalled when nothing is open any more.
	settled *sync.Cond
}

type tally struct {
	planned, answered, retried, lost int
	seen                             *hdrhistogram.Histogram
}

func newBook(l load) *book {
	b := &book{load: l, begin: time.Now(), kinds: map[string]*tally{}, lateness: newTimes()}
	b.settled = sync.NewCond(&b.mu)
	for _, k := range kinds {
		b.kinds[k] = &tally{seen: newTimes()}
	}
	return b
}

// newTimes holds 1 µs to 10 min.
func newTimes() *hdrhistogram.Histogram { return hdrhistogram.New(1, 600_000_000, 3) }

func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(max(d.Microseconds(), 1)) // 10 min are longer than a message lives
}

func (b *book) late(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent++
	if d > sentLate {
		b.lates++
	}
	record(b.lateness, d)
}

func (b *book) planned(m *message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kinds[m.kind()].planned++
	b.open++
}

func (b *book) answered(m *message, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.kinds[m.kind()]
	t.answered++
	t.retried += m.tries - 1
	record(t.seen, at.Sub(m.planned))
	b.close()
}

func (b *book) lost(m *message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.kinds[m.kind()]
	t.lost++
	t.retried += m.tries - 1
	b.close()
}

func (b *book) close() {
	if b.open--; b.open == 0 {
		b.settled.Broadcast()
	}
}

// await waits until every message was answered or given up.
func (b *book) await() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.open > 0 {
		b.settled.Wait()
	}
}

// figures of one kind in a phase, times from the planned moment to the ACK.
type figures struct {
	Kind                             string
	Planned, Answered, Retried, Lost int
	P50, P99, P999, Max              time.Duration
}

// phase is what the panels saw in one.
type phase struct {
	Name    string
	Seconds float64
	Figures []figures
	// LateP99 is how late the 99th of a hundred frames left, LateShare the part that
	// left later than sentLate.
	LateP99   time.Duration
	LateShare float64
}

func (b *book) phase() phase {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := func(h *hdrhistogram.Histogram, q float64) time.Duration {
		return time.Duration(h.ValueAtQuantile(q)) * time.Microsecond
	}
	p := phase{Name: b.load.Name, Seconds: time.Since(b.begin).Seconds(), LateP99: at(b.lateness, 99)}
	p.LateShare = float64(b.lates) / float64(max(b.sent, 1))
	for _, k := range kinds {
		t := b.kinds[k]
		p.Figures = append(p.Figures, figures{
			Kind: k, Planned: t.planned, Answered: t.answered, Retried: t.retried, Lost: t.lost,
			P50: at(t.seen, 50), P99: at(t.seen, 99), P999: at(t.seen, 99.9), Max: at(t.seen, 100),
		})
	}
	return p
}

// of finds the figures of a kind.
func (p phase) of(kind string) figures {
	for _, f := range p.Figures {
		if f.Kind == kind {
			return f
		}
	}
	return figures{}
}

// total sums what the messages of all kinds became.
func (p phase) total() (t figures) {
	for _, f := range p.Figures {
		t.Planned += f.Planned
		t.Answered += f.Answered
		t.Retried += f.Retried
		t.Lost += f.Lost
	}
	return t
}

// invalid says why a phase's times are not those of the receiver; "" when they are.
func (p phase) invalid() string {
	if p.LateShare <= lateShare {
		return ""
	}
	return fmt.Sprintf("INVALID: %.1f %% of the frames left more than %s late (99 %% within %s): the generator was slow, not the receiver",
		100*p.LateShare, sentLate, p.LateP99.Round(100*time.Microsecond))
}
