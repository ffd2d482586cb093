package processor

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Figures of the log's time, part of the fold version.
const (
	// maxSilence sets a writer aside: so long have the others beaten without it.
	maxSilence = 5_000
	// maxSilenceStep is the most that one beat of another writer can add to a
	// silence: a jump of time proves one beat, not the whole jump.
	maxSilenceStep = 1_000
	// maxBehind sets a writer aside that beats with a clock so far behind.
	maxBehind = 5_000
	// maxBeatGap is the longest pause between beats in which a receiver still
	// counts as having listened; an idle receiver beats each second.
	maxBeatGap = 2_500
	// After a pause of at least minReconnection in which nobody listened S stands for
	// as long again, at most maxReconnection (design decision 48: an allowance to
	// connect anew, of which the figures are ours): a panel whose poll fell into the
	// pause polls again an interval later, and that is not its silence.
	minReconnection = 10_000
	maxReconnection = 300_000
	// maxFailover is how long S may stand still, within failoverWindow, because one
	// receiver of a group fell silent while another listened all along: the time in
	// which its panels find the other. Beyond it S runs on, or a receiver that comes
	// and goes would keep silence from being found.
	maxFailover    = 60_000
	failoverWindow = 600_000
	// maxJump is the longest outage of ours that the clock bridges by itself;
	// beyond it two people confirm (ClockAdjusted).
	maxJump = 72 * 3_600_000
	// clockSegments is how far back, in beats, SAt is exact.
	clockSegments = 32
)

// MaxJump is the longest outage of ours that time in the log bridges by itself.
const MaxJump = maxJump * time.Millisecond

// clock is the time of one partition, a pure function of its beats.
type clock struct {
	// w is the watermark: the least T of the live writers, never going back.
	w int64
	// jump is the T that was refused for lying more than maxJump ahead; 0 when none.
	jump int64
	// adjusted is the id of the last adjustment: a repeat of it is without effect.
	adjusted []byte
	// writers in order of name.
	writers []writer
	// groups in order of name.
	groups []groupClock
}

// writer is one source of time: a boot of a receiver or desk.
type writer struct {
	name    string
	boot    []byte
	group   string
	t       int64
	silence int64
	aside   bool
	// gaps counts beats of this boot that never arrived.
	sequence, gaps uint64
	// since is the T from which on it has beaten without a pause of maxBeatGap.
	since int64
}

// groupClock is the supervision clock of a receiver group.
type groupClock struct {
	name string
	// t is the time up to which every live receiver of the group has told all.
	t, now   int64
	segments []segment
	// failovers are the pauses that count against maxFailover, oldest first.
	failovers []failover
	// degraded is the T at which S last ran on although a receiver was silent.
	degraded int64
	// allowed is for how long S stands on, for panels to connect anew.
	allowed int64
	// silent and back are the bounds of a pause of minReconnection and more, both 0
	// once what it allowed, at least as long, has passed.
	silent, back int64
	ingress      ingress
}

// failover is a pause of S for the sake of one silent receiver's panels.
type failover struct{ at, length int64 }

// segment is a stretch of receivers' time; s stands still over a paused one.
type segment struct {
	t0, t1, s0, s1 int64
}

// beat moves the clocks by one beat and says whether W moved.
func (c *clock) beat(b *vigiev1.Beat) bool {
	i, fresh := c.writerOf(b)
	w := &c.writers[i]
	w.silence = 0
	if b.Sequence > w.sequence+1 && !fresh {
		w.gaps += b.Sequence - w.sequence - 1
	}
	w.sequence = b.Sequence
	if b.TMs == 0 || b.TMs <= w.t {
		return false
	}
	if fresh || b.TMs-w.t > maxBeatGap {
		w.since = b.TMs
	}
	step := int64(0)
	if !fresh {
		step = min(b.TMs-w.t, maxSilenceStep)
	}
	w.t = b.TMs
	c.countSilence(i, step)
	w.aside = w.t < c.ahead(i)-maxBehind
	group, last := w.group, b.Last
	if fresh && group != "" {
		c.resume(group, i)
	}
	before := c.w
	c.advance()
	if group != "" {
		c.take(group, b.Listeners)
		c.advanceGroup(group)
	}
	if last {
		c.writers = slices.Delete(c.writers, i, i+1)
	}
	return c.w > before
}

// writerOf finds the writer of a beat, making it when its name or boot is new.
func (c *clock) writerOf(b *vigiev1.Beat) (index int, fresh bool) {
	i, found := slices.BinarySearchFunc(c.writers, b.Writer, func(w writer, name string) int {
		return strings.Compare(w.name, name)
	})
	if found && bytes.Equal(c.writers[i].boot, b.Boot) {
		return i, false
	}
	w := writer{name: b.Writer, boot: bytes.Clone(b.Boot), sequence: b.Sequence}
	if b.Kind == vigiev1.WriterKind_WRITER_KIND_RECEIVER {
		w.group = b.Group
	}
	if found {
		c.writers[i] = w
	} else {
		c.writers = slices.Insert(c.writers, i, w)
	}
	return i, true
}

// countSilence adds to the silence of every writer but one.
func (c *clock) countSilence(except int, step int64) {
	for i := range c.writers {
		if i == except {
			continue
		}
		w := &c.writers[i]
		w.silence += step
		if w.silence >= maxSilence {
			w.aside = true
		}
	}
}

// ahead is the greatest T among the live writers but one; 0 when there is none.
func (c *clock) ahead(except int) int64 {
	t := int64(0)
	for i := range c.writers {
		if i != except && !c.writers[i].aside {
			t = max(t, c.writers[i].t)
		}
	}
	return t
}

// advance moves W to the least T of the live writers.
func (c *clock) advance() {
	least := int64(0)
	for i := range c.writers {
		w := &c.writers[i]
		if !w.aside && w.t > 0 && (least == 0 || w.t < least) {
			least = w.t
		}
	}
	if c.w > 0 && least > c.w+maxJump {
		c.jump = least
		return
	}
	c.jump = 0
	c.w = max(c.w, least)
}

// adjust rebases W after people confirmed a jump; supervision clocks stand. Said
// again, under the same id, it would set time back.
func (c *clock) adjust(id []byte, w int64) {
	if len(id) > 0 && bytes.Equal(id, c.adjusted) {
		return
	}
	before := c.w
	c.w, c.jump, c.adjusted = w, 0, bytes.Clone(id)
	for i := range c.writers {
		c.writers[i].t = w
	}
	for i := range c.groups {
		g := &c.groups[i]
		*g = groupClock{name: g.name, t: w, now: g.now, segments: g.segments[:0], failovers: g.failovers[:0]}
		if w-before >= minReconnection { // The outage that nobody could bridge is told, too.
			g.silent, g.back = before, w
		}
	}
}

func (c *clock) group(name string) (*groupClock, bool) {
	if len(c.groups) > 0 && c.groups[0].name == name { // There is often only one.
		return &c.groups[0], true
	}
	i, found := slices.BinarySearchFunc(c.groups, name, func(g groupClock, name string) int {
		return strings.Compare(g.name, name)
	})
	if !found {
		return nil, false
	}
	return &c.groups[i], true
}

// resume starts a group's clock at the T of a receiver that has just come:
// nobody listened between its last boot and this one, unless another receiver did.
func (c *clock) resume(name string, newcomer int) {
	t := c.writers[newcomer].t
	g, found := c.group(name)
	if !found {
		i, _ := slices.BinarySearchFunc(c.groups, name, func(g groupClock, name string) int {
			return strings.Compare(g.name, name)
		})
		c.groups = slices.Insert(c.groups, i, groupClock{name: name, t: t})
		return
	}
	for i := range c.writers {
		if i != newcomer && c.writers[i].group == name && !c.writers[i].aside {
			return
		}
	}
	g.pauseTo(t)
}

// advanceGroup moves S to the least T of the group's live receivers, unless the
// step is longer than a pause between beats: then nobody is known to have listened.
func (c *clock) advanceGroup(name string) {
	g, found := c.group(name)
	if !found {
		return
	}
	least := int64(0)
	for i := range c.writers {
		w := &c.writers[i]
		if w.group == name && !w.aside && (least == 0 || w.t < least) {
			least = w.t
		}
	}
	switch {
	case least <= g.t:
	case least-g.t <= maxBeatGap && g.ingress.blind != 0:
		g.standTo(least)
		g.judgeIngress()
	case least-g.t <= maxBeatGap:
		g.runTo(least)
		g.judgeIngress()
	case !c.listened(name, g.t):
		g.pauseTo(least)
	case g.mayFailOver(least):
		g.standTo(least)
	default:
		g.runTo(least)
	}
}

// listened says whether a receiver of the group, live now, has beaten without a
// pause since then: another one was silent, not we.
func (c *clock) listened(name string, since int64) bool {
	return slices.ContainsFunc(c.writers, func(w writer) bool {
		return w.group == name && !w.aside && w.since <= since
	})
}

// mayFailOver says whether S may stand still once more for one receiver's sake.
func (g *groupClock) mayFailOver(to int64) bool {
	g.failovers = slices.DeleteFunc(g.failovers, func(f failover) bool { return f.at <= to-failoverWindow })
	length := to - g.t
	for _, f := range g.failovers {
		length += f.length
	}
	if length > maxFailover {
		g.degraded = to
		return false
	}
	g.failovers = append(g.failovers, failover{to, to - g.t})
	return true
}

// isDegraded says whether silence in the group may be ours, and counts all the same.
func (g *groupClock) isDegraded() bool { return g.degraded > 0 && g.t < g.degraded+failoverWindow }

// runTo lets S run to t, once what is allowed has passed.
func (g *groupClock) runTo(t int64) {
	still := min(g.allowed, t-g.t)
	g.allowed -= still
	g.standTo(g.t + still)
	if g.allowed == 0 && g.t >= g.back+minReconnection {
		g.silent, g.back = 0, 0
	}
	if t > g.t {
		g.push(segment{t0: g.t, t1: t, s0: g.now, s1: g.now + t - g.t})
	}
}

// pauseTo lets S stand to t, and on as is allowed: nobody is known to have listened.
func (g *groupClock) pauseTo(t int64) {
	g.pausedTo(t)
	g.allow(t - g.t)
	g.standTo(t)
}

// allow lets panels have as long again as nobody heard them.
func (g *groupClock) allow(pause int64) {
	if pause >= minReconnection {
		g.allowed = min(max(g.allowed, pause), maxReconnection)
	}
}

// pausedTo notes a pause that is worth telling; one that begins before another's
// allowance has passed belongs to it.
func (g *groupClock) pausedTo(t int64) {
	g.ingress.restart()
	if t-g.t < minReconnection {
		return
	}
	g.ingress.blind = 0
	if g.silent == 0 {
		g.silent = g.t
	}
	g.back = t
}

func (g *groupClock) standTo(t int64) {
	if t > g.t {
		g.push(segment{t0: g.t, t1: t, s0: g.now, s1: g.now})
	}
}

func (g *groupClock) push(s segment) {
	g.t, g.now = s.t1, s.s1
	if n := len(g.segments); n > 0 && g.segments[n-1].joins(s) {
		g.segments[n-1].t1, g.segments[n-1].s1 = s.t1, s.s1
		return
	}
	if len(g.segments) == clockSegments {
		g.segments = append(g.segments[:0], g.segments[1:]...)
	}
	g.segments = append(g.segments, s)
}

// joins says whether both run, or both stand still, one right after the other.
func (s segment) joins(next segment) bool {
	return s.t1 == next.t0 && (s.s0 == s.s1) == (next.s0 == next.s1)
}

func (c *clock) s(group string) int64 {
	if g, found := c.group(group); found {
		return g.now
	}
	return 0
}

// sAt is S as it stood at a moment of the receivers' time: too late rather than
// too early, so that a deadline counted from it raises no false alarm. Before what
// it remembers it answers the oldest S it knows; past the last beat, where events
// stand that came before the next, S as if it ran on for the longest pause in
// which a receiver counts as listening, once what is allowed has passed.
func (c *clock) sAt(group string, at int64) int64 {
	g, found := c.group(group)
	if !found {
		return 0
	}
	if at > g.t {
		return g.now + max(0, min(at-g.t, maxBeatGap)-g.allowed)
	}
	for i := len(g.segments) - 1; i >= 0; i-- {
		s := &g.segments[i]
		switch {
		case at >= s.t1:
			return s.s1
		case at > s.t0 && s.s0 == s.s1:
			return s.s0
		case at > s.t0:
			return s.s1 - (s.t1 - at)
		}
	}
	if len(g.segments) > 0 {
		return g.segments[0].s0
	}
	return g.now
}

// clocks shows the supervision clocks for the progress record.
func (c *clock) clocks() []*vigiev1.GroupClock {
	out := make([]*vigiev1.GroupClock, len(c.groups))
	for i, g := range c.groups {
		out[i] = &vigiev1.GroupClock{Group: g.name, SMs: g.now, Degraded: g.isDegraded()}
	}
	return out
}
