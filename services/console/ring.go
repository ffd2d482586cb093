package console

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const (
	// ringSize is how many changes a client may be behind before it is dropped,
	// and how far back a stream can be resumed.
	ringSize = 16_384
	// maxVectorBytes bounds what a client may send as Last-Event-ID.
	maxVectorBytes = 16 << 10
)

// source is a partition of a topic, by a letter of the topic and the number.
type source struct {
	topic     byte
	partition int32
}

// vector says, of each source, the next offset that is not yet seen. It is the
// id of the live stream: resuming is exact, over a restart of the console too.
type vector map[source]int64

func (v vector) clone() vector { return maps.Clone(v) }

// String is like "d0.17,d1.4,s0.99": topic letter, partition, offset.
func (v vector) String() string {
	keys := slices.SortedFunc(maps.Keys(v), func(a, b source) int {
		if a.topic != b.topic {
			return int(a.topic) - int(b.topic)
		}
		return int(a.partition - b.partition)
	})
	var b strings.Builder
	for i, k := range keys {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%c%d.%d", k.topic, k.partition, v[k])
	}
	return b.String()
}

func parseVector(s string) (vector, error) {
	if len(s) > maxVectorBytes {
		return nil, fmt.Errorf("Last-Event-ID of %d bytes: at most %d are taken", len(s), maxVectorBytes)
	}
	v := vector{}
	for _, part := range strings.Split(s, ",") {
		name, at, ok := strings.Cut(part, ".")
		if !ok || len(name) < 2 {
			return nil, fmt.Errorf("%q in Last-Event-ID is not <topic><partition>.<offset>", part)
		}
		p, err := strconv.ParseInt(name[1:], 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%q in Last-Event-ID: %w", part, err)
		}
		o, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q in Last-Event-ID: %w", part, err)
		}
		v[source{name[0], int32(p)}] = o
	}
	return v, nil
}

// change is one event of the live stream. Its JSON is made once, when a client
// first wants it.
type change struct {
	from   source
	offset int64
	event  string
	view   any
	once   sync.Once
	raw    []byte
}

func (c *change) json() []byte {
	c.once.Do(func() {
		raw, err := json.Marshal(c.view)
		if err != nil {
			panic(fmt.Sprintf("console: a view cannot be encoded: %v", err))
		}
		c.raw = raw
	})
	return c.raw
}

// ring holds the newest changes for all clients at once: each has a cursor of
// its own, so a slow one costs nothing and is dropped when it falls out.
type ring struct {
	mu   sync.Mutex
	buf  []*change
	next uint64 // sequence of the next change; buf holds [next-len, next)
	// floor is where the ring begins: offsets below may be missing.
	floor vector
	// head is where the ring ends.
	head vector
	// epoch counts rebuilds: a cursor of an earlier one must reset.
	epoch uint64
	// log names the log that offsets are of: a vector of another one says nothing.
	log   string
	woken chan struct{}
}

func newRing(size int) *ring {
	return &ring{buf: make([]*change, size), floor: vector{}, head: vector{}, woken: make(chan struct{})}
}

// of names the log that is read from now on.
func (r *ring) of(log string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = log
}

// start says where a source will be read from.
func (r *ring) start(s source, offset int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.floor[s], r.head[s] = offset, offset
}

// restart forgets everything: the topics are read again from the start.
func (r *ring) restart() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.buf)
	r.floor, r.head = vector{}, vector{}
	r.epoch++
	r.wake()
}

// add appends a change.
func (r *ring) add(c *change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	slot := &r.buf[r.next%uint64(len(r.buf))]
	if old := *slot; old != nil {
		r.floor[old.from] = max(r.floor[old.from], old.offset+1)
	}
	*slot = c
	r.next++
	r.head[c.from] = c.offset + 1
	r.wake()
}

// seen moves a source's head past records that are no change.
func (r *ring) seen(s source, offset int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.head[s] = max(r.head[s], offset+1)
}

// pulse wakes every client without a change.
func (r *ring) pulse() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wake()
}

func (r *ring) wake() {
	close(r.woken)
	r.woken = make(chan struct{})
}

// cursor is a client's place in the ring.
type cursor struct {
	ring  *ring
	log   string
	next  uint64
	epoch uint64
	seen  vector
}

// newCursor starts now.
func (r *ring) newCursor() *cursor {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &cursor{ring: r, log: r.log, next: r.next, epoch: r.epoch, seen: r.head.clone()}
}

// resume returns a cursor that yields what came after a stream's id, and false
// when the ring no longer holds all of it or the id speaks of another log.
func (r *ring) resume(lastEventID string) (*cursor, bool) {
	log, offsets, _ := strings.Cut(lastEventID, ":")
	v, err := parseVector(offsets)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil || log != r.log || len(v) != len(r.head) || len(v) == 0 {
		return nil, false
	}
	for s, at := range v {
		floor, ok := r.floor[s]
		if !ok || at < floor || at > r.head[s] {
			return nil, false
		}
	}
	c := &cursor{ring: r, log: r.log, next: r.next - min(r.next, uint64(len(r.buf))), epoch: r.epoch, seen: v}
	return c, true
}

// id is what the client sends to resume after all that it was given.
func (c *cursor) id() string { return c.log + ":" + c.seen.String() }

// batch is what a cursor yields at once: no more, so that a write stays small.
const batch = 256

// take returns changes that the client has not seen, none when there are none
// yet; more is closed when there may be. behind is true when the client fell
// out of the ring or the ring started anew: it must reset.
func (c *cursor) take() (list []*change, more <-chan struct{}, behind bool) {
	r := c.ring
	r.mu.Lock()
	defer r.mu.Unlock()
	size := uint64(len(r.buf))
	if c.epoch != r.epoch || r.next-c.next > size {
		return nil, nil, true
	}
	for ; c.next < r.next && len(list) < batch; c.next++ {
		ch := r.buf[c.next%size]
		if ch == nil || ch.offset < c.seen[ch.from] {
			continue // seen before the resume
		}
		c.seen[ch.from] = ch.offset + 1
		list = append(list, ch)
	}
	if c.next == r.next {
		// Records that are no change count as seen too.
		for s, at := range r.head {
			c.seen[s] = max(c.seen[s], at)
		}
	}
	return list, r.woken, false
}
