package fleet

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Kinds of groups, as the ticks name them.
const (
	kindAll        = "all"
	kindCarrier    = "carrier"
	kindReceiver   = "receiver"
	kindLine       = "line"
	kindRegion     = "region"
	kindInstaller  = "installer"
	kindPanelModel = "panel-model"
)

type groupKey struct{ kind, name string }

func (k groupKey) compare(o groupKey) int {
	return cmp.Or(cmp.Compare(k.kind, o.kind), cmp.Compare(k.name, o.name))
}

// group is a group of sites over all partitions.
type group struct {
	groupKey
	// levels by partition, in order, and their sums.
	levels      []level
	sites, lost uint64

	losses, mains, alarms, closures series
	// exposed sites lost of late, those of high risk apart.
	high, exposed []exposedSite
}

type level struct {
	partition   uint32
	sites, lost uint64
}

type exposedSite struct {
	tick int64
	site uint64
}

// maxExposed bounds the sites of a group that are remembered for guard rounds.
const maxExposed = 256

// groupOf finds a group, making it when it is new. Groups lie in order of kind and
// name, so that no order of arrival shows.
func (f *Fold) groupOf(k groupKey) *group {
	if i, ok := f.groupIndex[k]; ok {
		return f.groups[i]
	}
	i, _ := slices.BinarySearchFunc(f.groups, k, func(g *group, k groupKey) int { return g.compare(k) })
	g := &group{groupKey: k}
	f.groups = slices.Insert(f.groups, i, g)
	for n := i; n < len(f.groups); n++ {
		f.groupIndex[f.groups[n].groupKey] = n
	}
	return g
}

// take adds what a partition tells of the group.
func (g *group) take(t *vigiev1.FleetTick, told *vigiev1.FleetGroup) {
	i, found := slices.BinarySearchFunc(g.levels, t.GetPartition(), func(l level, p uint32) int { return cmp.Compare(l.partition, p) })
	if !found {
		g.levels = slices.Insert(g.levels, i, level{partition: t.GetPartition()})
	}
	l := &g.levels[i]
	g.sites += told.GetSites() - l.sites
	g.lost += told.GetLost() - l.lost
	l.sites, l.lost = told.GetSites(), told.GetLost()
	g.losses.add(t.GetTickMs(), told.GetLosses())
	g.mains.add(t.GetTickMs(), told.GetMainsLosses())
	g.alarms.add(t.GetTickMs(), told.GetAlarms())
	g.closures.add(t.GetTickMs(), told.GetClosures())
	g.high = expose(g.high, t.GetTickMs(), told.GetExposedHigh())
	g.exposed = expose(g.exposed, t.GetTickMs(), told.GetExposed())
}

func expose(list []exposedSite, tick int64, sites []uint64) []exposedSite {
	for _, s := range sites {
		if len(list) < maxExposed {
			list = append(list, exposedSite{tick, s})
		}
	}
	return list
}

// forget drops what has left the windows that end with the tick.
func (g *group) forget(tick int64, fig *vigiev1.FleetPolicy) {
	g.losses.forget(tick, fig.GetCommunication().GetWindowMs())
	g.mains.forget(tick, fig.GetMains().GetWindowMs())
	g.alarms.forget(tick, fig.GetAlarms().GetWindowMs())
	g.closures.forget(tick, fig.GetClosures().GetWindowMs())
	old := func(e exposedSite) bool { return e.tick <= tick-fig.GetCommunication().GetWindowMs() }
	g.high, g.exposed = slices.DeleteFunc(g.high, old), slices.DeleteFunc(g.exposed, old)
}

// listed are the exposed sites by risk.
func (g *group) listed() []uint64 {
	var out []uint64
	for _, list := range [][]exposedSite{g.high, g.exposed} {
		for _, e := range list {
			if len(out) < maxExposed && !slices.Contains(out, e.site) {
				out = append(out, e.site)
			}
		}
	}
	return out
}

// learn takes the windows that end now into the own rates.
func (f *Fold) learn(tick int64) {
	fig := f.figures
	for _, g := range f.groups {
		mass := f.detection(vigiev1.DetectionKind_DETECTION_KIND_MASS_COMMUNICATION_LOSS, g.groupKey) != nil
		g.losses.learn(tick, fig.GetCommunication().GetWindowMs(), mass)
		g.mains.learn(tick, fig.GetMains().GetWindowMs(), f.detection(vigiev1.DetectionKind_DETECTION_KIND_MASS_MAINS_LOSS, g.groupKey) != nil)
		g.alarms.learn(tick, fig.GetAlarms().GetWindowMs(), f.detection(vigiev1.DetectionKind_DETECTION_KIND_GROUP_ALARM_STORM, g.groupKey) != nil)
		g.closures.learn(tick, fig.GetClosures().GetWindowMs(), f.detection(vigiev1.DetectionKind_DETECTION_KIND_CLOSURE_WAVE, g.groupKey) != nil)
	}
	f.requests.learn(tick, fig.GetOnboarding().GetWindowMs(), f.detection(vigiev1.DetectionKind_DETECTION_KIND_ONBOARDING_SURGE, everything) != nil)
	f.completions.learn(tick, fig.GetOnboarding().GetWindowMs(), false)
	f.calls.learn(tick, fig.GetCalls().GetWindowMs(), f.detection(vigiev1.DetectionKind_DETECTION_KIND_CALL_SURGE, everything) != nil)
}

// everything is the group of what belongs to no group of sites.
var everything = groupKey{kind: kindAll}

func clone(t *vigiev1.FleetTick) *vigiev1.FleetTick { return proto.CloneOf(t) }
