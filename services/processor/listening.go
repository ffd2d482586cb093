package processor

// What a fold is told of how receiver groups listen: the facts behind a supervision
// clock that stands.

// Figures of what is told, ours, part of the fold version.
const (
	// lostAfter is how far a receiver's T lies behind W before it is told as lost.
	lostAfter = 30_000
	// lostTold is for how long it is: one that stays away for a day has been taken
	// out of service.
	lostTold = 24 * 3_600_000
	// maxLostNames bounds the names told.
	maxLostNames = 32
)

// Listening is how one receiver group listens. Times are Unix ms UTC on the
// receivers' clocks.
type Listening struct {
	Group string
	// SilentSinceMS is the moment up to which somebody of the group is known to have
	// listened, when nobody did for 10 s or more; 0 when somebody does and S runs.
	SilentSinceMS int64
	// BackMS is when beats were back: S stands on for as long as is allowed. 0 before.
	BackMS int64
	// BlindSinceMS is since when far fewer frames come in than did; 0 when not.
	BlindSinceMS int64
	// Receivers are known, of which Lost are silent while others of the group listen.
	Receivers int
	Lost      []string
}

// Listening tells of every receiver group, by name, how it listens.
func (c *Context) Listening() []Listening { return c.clock.listening() }

func (c *clock) listening() []Listening {
	out := make([]Listening, len(c.groups))
	for i := range c.groups {
		g := &c.groups[i]
		l := Listening{Group: g.name, SilentSinceMS: g.silent, BackMS: g.back, BlindSinceMS: g.ingress.blind}
		// The least T of a group that listens is not behind W.
		if c.w-g.t >= minReconnection {
			l.BackMS = 0
			if g.silent == 0 {
				l.SilentSinceMS = g.t
			}
		}
		c.receivers(&l)
		out[i] = l
	}
	return out
}

// receivers counts those of the group, and names the lost ones while one listens.
func (c *clock) receivers(l *Listening) {
	listens := false
	for i := range c.writers {
		w := &c.writers[i]
		if w.group != l.Group {
			continue
		}
		l.Receivers++
		listens = listens || !w.aside
		if behind := c.w - w.t; w.aside && behind >= lostAfter && behind < lostTold && len(l.Lost) < maxLostNames {
			l.Lost = append(l.Lost, w.name)
		}
	}
	if !listens {
		l.Lost = nil
	}
}
