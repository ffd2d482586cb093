package processor

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/packed"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// A receiver that runs may be deaf all the same: when the uplink before it is down,
// it beats, and no panel reaches it (design decision 48). Beats tell the frames that
// came in; while these are far below what came of late the group is blind, and S
// stands, as in any outage of ours.
//
// "Of late" is the weakest of the last windows, not their mean: panels that poll in
// step leave windows empty by nature, and such a group is never judged.

// Figures of blindness, ours, part of the fold version.
const (
	// ingressWindow is the stretch in which frames are counted.
	ingressWindow = 10_000
	// ingressWindows is how many windows stand for what came of late, 5 min.
	ingressWindows = 30
	// minIngress is how many frames the weakest of them must have had: fewer may stay
	// away by chance.
	minIngress = 100
	// farBelow is the share of the weakest, 1 in so many, under which a group is blind.
	farBelow = 10
	// maxBlind is how long S stands for it; then what comes in is taken to be all that
	// there is, or panels that left for ever would keep others from being missed.
	maxBlind = 3_600_000
)

// ingress is what comes in to a receiver group.
type ingress struct {
	// since is the T from which frames are counted; 0 before the first window.
	since  int64
	frames uint64
	// recent are the frames of the last windows in which the group was not blind.
	recent []uint64
	// blind is the T since when it is; 0 when it is not.
	blind int64
}

// take counts what a beat tells of the doors of its receiver.
func (c *clock) take(group string, doors []*vigiev1.ListenerFacts) {
	g, found := c.group(group)
	if !found {
		return
	}
	for _, d := range doors {
		g.ingress.frames += d.GetFrames()
	}
}

// restart forgets the window that a pause has broken.
func (in *ingress) restart() { in.since, in.frames = 0, 0 }

// judgeIngress looks at a window that has ended.
func (g *groupClock) judgeIngress() {
	in := &g.ingress
	if in.since == 0 || g.allowed > 0 { // Panels connect anew: no window is like others.
		in.since, in.frames = g.t, 0
		return
	}
	if g.t-in.since < ingressWindow {
		return
	}
	far := in.farBelow()
	switch {
	case in.blind == 0 && far:
		in.blind = in.since
	case in.blind == 0:
		in.learn()
	case far && g.t-in.blind < maxBlind:
	default:
		if far {
			in.recent = nil
		}
		g.allow(g.t - in.blind)
		in.blind = 0
	}
	in.since, in.frames = g.t, 0
}

func (in *ingress) farBelow() bool {
	if len(in.recent) < ingressWindows {
		return false
	}
	weakest := slices.Min(in.recent)
	return weakest >= minIngress && in.frames*farBelow < weakest
}

func (in *ingress) learn() {
	if len(in.recent) == ingressWindows {
		in.recent = append(in.recent[:0], in.recent[1:]...)
	}
	in.recent = append(in.recent, in.frames)
}

func (in *ingress) pack(p *packed.Coder) {
	packed.Int(p, &in.since)
	packed.Uint(p, &in.frames)
	packed.List(p, &in.recent, func(n *uint64) { packed.Uint(p, n) })
	packed.Int(p, &in.blind)
}
