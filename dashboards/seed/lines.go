package seed

import (
	"time"

	"github.com/google/uuid"
)

// failures of lines: single ones all the time, and one morning a carrier's.
func (c *centre) failures() {
	length := c.h.End.Sub(c.h.Start)
	for range c.poisson(0.012 * float64(len(c.sites)) * length.Hours() / 24) {
		s := pick(c, c.sites)
		c.at(c.h.Start.Add(c.between(time.Hour, max(length, 2*time.Hour))), func() { c.fail(s, 1, c.about(45*time.Minute)) })
	}
	c.at(c.h.Start.Add(length*2/5), func() {
		for _, s := range c.sites {
			if s.state.Groups != nil && s.state.Groups[1] == carriers[1] && c.chance(0.15) {
				c.in(c.between(0, 4*time.Minute), func() { c.fail(s, 1, c.between(30*time.Minute, 50*time.Minute)) })
			}
		}
	})
	// Some lines are down at the end.
	c.at(c.h.End.Add(-20*time.Minute), func() {
		for range 1 + len(c.sites)/150 {
			s := pick(c, c.sites)
			c.in(c.between(0, 6*time.Minute), func() { c.fail(s, 1+uint8(c.rng.IntN(2)), 10*time.Hour) })
		}
	})
}

// fail is a path that falls silent: late, then lost; without another path the
// site is no longer heard at all.
func (c *centre) fail(s *site, number uint8, back time.Duration) {
	p := s.path(number)
	if p == nil || s.silent || p.Status != fine {
		return
	}
	p.Status = late
	d := c.find(s, Detection{Kind: "path_late", Path: number})
	c.put(s, uuid.Nil)
	var gone, all *found
	c.in(2*time.Minute, func() {
		if s.silent {
			return
		}
		c.end(d, "lost")
		s.path(number).Status = lost
		gone = c.find(s, Detection{Kind: "path_lost", Path: number})
		if len(s.state.Paths) == 1 {
			s.state.CommunicationLost = true
			all = c.find(s, Detection{Kind: "communication_lost"})
			c.alarm(s, Event{Class: "communication"}, all.row.ID)
		}
		c.put(s, uuid.Nil)
	})
	c.in(3*time.Minute+back, func() {
		if s.silent {
			return
		}
		c.end(gone, "restored")
		c.end(all, "restored")
		s.state.CommunicationLost = false
		*s.path(number) = Path{number, fine, c.now}
		c.put(s, uuid.Nil)
	})
}

func (s *site) path(number uint8) *Path {
	for i := range s.state.Paths {
		if s.state.Paths[i].Number == number {
			return &s.state.Paths[i]
		}
	}
	return nil
}

// poll is a panel's test of its line, once and then at its interval.
func (c *centre) poll(s *site) {
	c.in(c.between(time.Second, s.polls), func() { c.polled(s) })
}

func (c *centre) polled(s *site) {
	if !s.silent && s.path(1).Status == fine {
		c.h.Heartbeats = append(c.h.Heartbeats, Heartbeat{Site: s.number, Path: 1, ReceivedAt: c.now, Receiver: "recepteur-1"})
	}
	c.in(s.polls, func() { c.polled(s) })
}

// slowest is the partition whose last beats are not archived yet.
const slowest = 5

// beats are the ticks of the receiver in each partition, one a minute here.
func (c *centre) beats() {
	var sequence [partitions]uint64
	for t := c.h.Start; t.Before(c.h.End); t = t.Add(time.Minute) {
		for p := range uint16(partitions) {
			at := t.Add(time.Duration(40_000+p*2_000) * time.Millisecond)
			if p == slowest && at.After(c.h.End.Add(-150*time.Second)) || !at.Before(c.h.End) {
				continue
			}
			sequence[p]++
			c.h.Beats = append(c.h.Beats, Beat{Place: Place{Partition: p}, ReceivedAt: at, Writer: "recepteur-1", WriterKind: "receiver", Sequence: sequence[p]})
		}
	}
	// What no archived beat carries is not archived.
	last := map[uint16]time.Time{}
	for _, b := range c.h.Beats {
		last[b.Partition] = b.ReceivedAt
	}
	kept := c.h.Heartbeats[:0]
	for _, p := range c.h.Heartbeats {
		if !p.ReceivedAt.After(last[partition(p.Site)]) {
			kept = append(kept, p)
		}
	}
	c.h.Heartbeats = kept
}
