package seed

import (
	"math"
	"time"

	"github.com/google/uuid"
)

// lockdown chooses which sites close around the clock and when: a few on holiday
// from the beginning, then half of the shops and some others in a wave.
func (c *centre) lockdown() {
	length := c.h.End.Sub(c.wave)
	for _, s := range c.sites {
		switch {
		case c.chance(0.012):
			s.lockAt = c.h.Start.Add(c.between(time.Minute, 20*time.Minute))
			c.at(s.lockAt, func() { c.declared(s) })
			if c.chance(0.4) {
				c.at(s.lockAt.Add(c.about(60*time.Hour)), func() { c.reopen(s) })
			}
		case c.chance(c.joins(s)):
			s.lockAt = c.wave.Add(time.Duration(spread(c.rng.Float64()) * float64(length)))
			if c.chance(0.6) {
				c.at(s.lockAt, func() { c.declared(s) })
			} else {
				c.at(s.lockAt.Add(min(24*time.Hour, length/3)), func() { c.detected(s) })
			}
		}
	}
}

func (c *centre) joins(s *site) float64 {
	if s.shop {
		return 0.5
	}
	return 0.12
}

// spread turns an even draw into a wave that rises and ebbs: most in its middle.
func spread(x float64) float64 {
	x = min(max(x, 0.001), 0.999)
	return min(max(0.5+0.11*math.Log(x/(1-x)), 0), 0.98)
}

// declared is a closure that somebody announced, of a list of sites.
func (c *centre) declared(s *site) {
	if s.silent || s.state.Closure != "none" {
		return
	}
	cause := c.act("chef.poste", s, "closure_declared", "", "")
	c.close(s, "declared", cause)
	if c.chance(0.05) {
		c.in(c.about(10*time.Hour), func() {
			if s.state.Closure == "declared" {
				s.state.Closure = "end_to_confirm"
				c.put(s, uuid.Nil)
			}
		})
	}
}

// detected is a closure that follows from nobody having come.
func (c *centre) detected(s *site) {
	if s.silent || s.state.Closure != "none" || s.state.Areas[0].Mode != "armed_full" {
		return
	}
	c.close(s, "detected", uuid.Nil)
}

func (c *centre) close(s *site, how string, cause uuid.UUID) {
	s.state.Closure, s.state.ClosedSince = how, c.now
	d := c.find(s, Detection{Kind: "closed_around_the_clock", EvidenceCount: 1})
	// Most are armed for good; some are forgotten, some with a zone left out.
	if s.state.Areas[0].Mode != "armed_full" {
		s.forgotten = c.chance(0.07)
		c.in(c.about(10*time.Minute), func() { c.closing(s) })
	}
	if s.state.Areas[0].Mode == "armed_full" && c.chance(0.02) {
		s.state.Areas[0].Mode = "armed_inhibited"
	}
	c.put(s, cause)
	if c.chance(0.03) {
		c.in(c.about(8*time.Hour), func() { c.visit(s, d) })
	}
}

// visit is somebody who opens a site that counts as closed: it ends a closure
// that was detected; a declared one stands, and the site is armed again later.
func (c *centre) visit(s *site, d *found) {
	if s.silent || s.state.Closure == "none" {
		return
	}
	cause := c.panel(s, Event{Kind: "disarmed", Code: "OP"})
	c.setMode(s, "disarmed")
	if s.state.Closure == "detected" {
		s.state.Closure, s.state.ClosedSince, s.lockAt = "none", Never, time.Time{}
		c.end(d, "disarmed")
	} else {
		c.in(c.about(25*time.Minute), func() { c.closing(s) })
	}
	c.put(s, cause)
}

// reopen lifts a declared closure.
func (c *centre) reopen(s *site) {
	if s.silent || s.state.Closure == "none" {
		return
	}
	cause := c.act("chef.poste", s, "closure_lifted", "", "")
	s.state.Closure, s.state.ClosedSince, s.lockAt = "none", Never, time.Time{}
	for _, d := range s.found {
		if d.row.Kind == "closed_around_the_clock" {
			c.end(d, "lifted")
			break
		}
	}
	c.put(s, cause)
}
