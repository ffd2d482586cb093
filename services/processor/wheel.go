package processor

// Figures of a wheel. They change what it costs, never what fires when.
const (
	// tickMS is the finest division of time: what is due within one is sorted.
	tickBits = 8
	tickMS   = 1 << tickBits
	// Each level divides the slot of the one above it by 256: 65 s, 4.7 h, 50 days.
	slotBits = 8
	slots    = 1 << slotBits
	levels   = 3
	// latest is as far as a wheel turns: no clock comes there.
	latest = 1 << 62
	// chunkLen timers are kept together, slabLen chunks are allocated together.
	chunkLen = 32
	slabLen  = 64
)

// wheel keeps the timers of one clock. To arm one is to write it down behind
// others of about its time; only what is due within the current tick is sorted.
// What lies further ahead is divided up when its time comes nearer, once at each
// level. The order of firing is that of a heap over all: the heap of the current
// tick holds whatever lies before its end, and time only moves on.
type wheel struct {
	// base is the start of the current tick.
	base int64
	due  dueHeap
	// n counts all timers, in[l] those of a level.
	n     int
	in    [levels]int
	lists [levels][slots]int32
	// far is what lies in another 50 days than now.
	far  int32
	pool chunks
}

func (w *wheel) arm(a armed) {
	w.n++
	w.place(a)
}

// place puts a timer where the bits tell that it shares with the current tick.
func (w *wheel) place(a armed) {
	if a.deadline < w.base+tickMS {
		w.due.push(a)
		return
	}
	apart := uint64(a.deadline ^ w.base)
	for l := range levels {
		shift := tickBits + l*slotBits
		if apart>>(shift+slotBits) == 0 {
			w.in[l]++
			w.pool.add(&w.lists[l][a.deadline>>shift&(slots-1)], a)
			return
		}
	}
	w.pool.add(&w.far, a)
}

// fire hands timers that are due by now to f, in order, until left of them were
// effective, and says how many are left.
func (w *wheel) fire(now int64, left int, f func(armed) bool) int {
	w.advance(min(now, latest) &^ (tickMS - 1))
	for left > 0 && len(w.due) > 0 && w.due[0].deadline <= now {
		w.n--
		if f(w.due.pop()) {
			left--
		}
	}
	return left
}

// advance moves the current tick to the one that begins at to, over every one in
// between in which something is due. A clock that was set back moves nothing.
func (w *wheel) advance(to int64) {
	for w.base < to {
		next := to
		for l := range levels {
			if w.in[l] > 0 {
				slot := int64(1) << (tickBits + l*slotBits)
				next = min(to, w.base&^(slot-1)+slot)
				break
			}
		}
		crossed := uint64(w.base ^ next)
		w.base = next
		if crossed>>(tickBits+levels*slotBits) != 0 {
			w.divide(&w.far)
		}
		for l := range levels {
			if shift := tickBits + l*slotBits; crossed>>shift != 0 {
				w.in[l] -= w.divide(&w.lists[l][next>>shift&(slots-1)])
			}
		}
	}
}

// divide places the timers of a list anew and says how many they were.
func (w *wheel) divide(list *int32) (n int) {
	i := *list
	*list = 0
	for i != 0 {
		c := w.pool.at(i)
		for _, a := range c.timers[:c.n] {
			w.place(a)
		}
		n += int(c.n)
		i = w.pool.free(i)
	}
	return n
}

// all is a copy of every timer, in no order.
func (w *wheel) all() []armed {
	out := append(make([]armed, 0, w.n), w.due...)
	for l := range w.lists {
		for _, list := range w.lists[l] {
			out = w.pool.appendTo(out, list)
		}
	}
	return w.pool.appendTo(out, w.far)
}

// chunks are lists of timers, made of pieces that are used again. A list is the
// number of its first chunk, 0 when it is empty.
type chunks struct {
	slabs [][]chunk
	made  int32
	// spare is a list of chunks that hold nothing.
	spare int32
}

type chunk struct {
	timers [chunkLen]armed
	n      int32
	next   int32
}

func (p *chunks) at(i int32) *chunk { return &p.slabs[(i-1)/slabLen][(i-1)%slabLen] }

func (p *chunks) add(list *int32, a armed) {
	var c *chunk
	if *list != 0 {
		c = p.at(*list)
	}
	if c == nil || c.n == chunkLen {
		i := p.take()
		c = p.at(i)
		c.n, c.next = 0, *list
		*list = i
	}
	c.timers[c.n] = a
	c.n++
}

func (p *chunks) take() int32 {
	if i := p.spare; i != 0 {
		p.spare = p.at(i).next
		return i
	}
	if int(p.made) == len(p.slabs)*slabLen {
		p.slabs = append(p.slabs, make([]chunk, slabLen))
	}
	p.made++
	return p.made
}

// free gives a chunk back and returns the one that followed it.
func (p *chunks) free(i int32) (next int32) {
	c := p.at(i)
	next, c.next = c.next, p.spare
	p.spare = i
	return next
}

func (p *chunks) appendTo(out []armed, list int32) []armed {
	for i := list; i != 0; i = p.at(i).next {
		c := p.at(i)
		out = append(out, c.timers[:c.n]...)
	}
	return out
}
