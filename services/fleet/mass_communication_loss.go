package fleet

import (
	"math/bits"
	"slices"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Mass communication loss (trade rule 6): many sites of one carrier, receiver, line,
// region, installer or panel model are lost together.
//
// Parameters: communication.least (20 sites), share_permille (30: 3 % of the
// group), factor (5 × its own rate), window_ms (5 min). Opens when the losses of the
// window pass all three. Of several groups that hold the same sites the one opens
// that explains most: losses times the share of the group that they are. What the
// open masses of one kind explain is not counted for a group of another kind.
// Updated as the sites lost double, with the exposed ones by risk, for guard rounds.
// Closes when fewer than half of least were lost within the window, and no more than
// half of least, or a tenth of the most, are lost beyond those of before (default,
// unverified).
// Opened and closed it is a verdict, said to every partition: those take their
// sites' incidents under it and give them back (alarm/held_loss.go, where it stands
// what is never taken). It silences no detection and no alarm.

var massKinds = []string{kindCarrier, kindReceiver, kindLine, kindRegion, kindInstaller, kindPanelModel}

const massLoss = vigiev1.DetectionKind_DETECTION_KIND_MASS_COMMUNICATION_LOSS

func (j *judging) massCommunicationLoss() {
	fig := j.figures.GetCommunication()
	explained := map[string]uint64{}
	j.standingMasses(fig, explained)
	var passing []*group
	for _, g := range j.groups {
		if slices.Contains(massKinds, g.kind) && g.losses.surges(g.losses.sum, g.sites, fig) && j.detection(massLoss, g.groupKey) == nil {
			passing = append(passing, g)
		}
	}
	slices.SortStableFunc(passing, func(a, b *group) int { return b.comparePower(a) })
	for _, g := range passing {
		if n := g.losses.sum - min(explainedBeside(explained, g.kind), g.losses.sum); !g.losses.surges(n, g.sites, fig) {
			continue
		}
		explained[g.kind] += g.losses.sum
		d := j.openDetection(&detection{
			groupKey: g.groupKey, kind: massLoss, count: g.losses.sum, of: g.sites, usual: g.losses.usual,
			before: g.lost - min(g.lost, g.losses.sum), threshold: fig.GetLeast(), window: fig.GetWindowMs(), exposed: g.listed(),
		})
		j.verdict(d, true)
	}
}

// explainedBeside is the most that the masses of one other kind explain: groups of
// one kind hold other sites, those of another may hold the same.
func explainedBeside(explained map[string]uint64, kind string) (most uint64) {
	for other, n := range explained {
		if other != kind {
			most = max(most, n)
		}
	}
	return most
}

// standingMasses updates and closes the open ones, and adds by kind how many losses
// of the window they explain.
func (j *judging) standingMasses(fig *vigiev1.FleetSurge, explained map[string]uint64) {
	for _, d := range slices.Clone(j.open) {
		if d.kind != massLoss {
			continue
		}
		g := j.groupOf(d.groupKey)
		lost := g.lost - min(g.lost, d.before)
		if g.losses.sum < half(fig) && lost <= max(half(fig), d.peak/10) {
			d.count = lost
			j.closeDetection(d, closedRestored)
			j.verdict(d, false)
			continue
		}
		explained[g.kind] += g.losses.sum
		for _, s := range g.listed() {
			if len(d.exposed) < maxExposed && !slices.Contains(d.exposed, s) {
				d.exposed = append(d.exposed, s)
			}
		}
		d.of = g.sites
		j.update(d, max(lost, g.losses.sum))
	}
}

// comparePower orders groups by losses² / sites, in whole numbers.
func (g *group) comparePower(o *group) int {
	ah, al := bits.Mul64(g.losses.sum, g.losses.sum)
	bh, bl := bits.Mul64(o.losses.sum, o.losses.sum)
	// Divided by the other's sites on both sides, to stay within 128 bits.
	a, _ := bits.Div64(ah%max(g.sites, 1), al, max(g.sites, 1))
	b, _ := bits.Div64(bh%max(o.sites, 1), bl, max(o.sites, 1))
	switch {
	case a != b && a > b:
		return 1
	case a != b:
		return -1
	case g.losses.sum != o.losses.sum && g.losses.sum > o.losses.sum:
		return 1
	case g.losses.sum != o.losses.sum:
		return -1
	}
	return o.compare(g.groupKey)
}

// verdict tells every partition.
func (j *judging) verdict(d *detection, open bool) {
	j.said++
	number := ids.GroupSite(d.groupKey.kind, d.name)
	v := &vigiev1.FleetVerdict{
		GroupKind: d.groupKey.kind, Group: d.name, Open: open, OpenedTickMs: d.openedAt, Detection: slices.Clone(d.id[:]),
		GroupNumber: number, Partition: uint32(topics.PartitionOf(number, int32(len(j.parts)))), Sites: d.count, Of: d.of,
	}
	word := "opened"
	if !open {
		v.ClosedTickMs, word = j.tick, "closed"
	}
	j.env.Broadcast(&vigiev1.Broadcast{
		Id: idOf("vigie verdict", d.id.String(), word), Version: j.said, AtMs: j.tick,
		Body: &vigiev1.Broadcast_FleetVerdict{FleetVerdict: v},
	})
}
