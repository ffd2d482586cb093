package fleet

import (
	"slices"
	"strings"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Why detections of the fleet close. Wire values.
const (
	closedRateFell = "rate fell"
	closedRestored = "restored"
	closedManned   = "enough present"
	// Of our own outages: supervision goes on, or there is nothing left to supervise.
	closedListening = "listening again"
	closedNoSites   = "no sites"
)

// detection is an open fact about a group.
type detection struct {
	groupKey
	id       ids.ID
	kind     vigiev1.DetectionKind
	openedAt int64
	// count as of now, said as last put out, peak the most there was.
	count, said, peak, of uint64
	// before is how many were lost when it opened for other reasons.
	before    uint64
	usual     uint64
	threshold uint32
	window    int64
	policy    uint64
	// heard is when somebody was last known to listen, of what is about our silence.
	heard   int64
	facts   []string
	exposed []uint64
}

// detection finds the open one of a kind and group; nil when there is none.
func (f *Fold) detection(kind vigiev1.DetectionKind, k groupKey) *detection {
	for _, d := range f.open {
		if d.kind == kind && d.groupKey == k {
			return d
		}
	}
	return nil
}

// openDetection opens d: its id follows from kind, group and tick.
func (j *judging) openDetection(d *detection) *detection {
	d.id = ids.DetectionOfGroup(kindName(d.kind), d.groupKey.kind, d.name, j.tick)
	d.openedAt, d.policy = j.tick, j.policy
	d.peak = d.count
	j.open = append(j.open, d)
	j.put(d, vigiev1.DetectionStatus_DETECTION_STATUS_OPENED, "")
	return d
}

// update puts an open detection out anew when its count has doubled, or when its
// facts are others.
func (j *judging) update(d *detection, count uint64, facts ...string) {
	d.count, d.peak = count, max(d.peak, count)
	changed := len(facts) > 0 && !slices.Equal(d.facts, facts)
	if changed {
		d.facts = facts
	}
	if changed || count >= 2*max(d.said, 1) {
		j.put(d, vigiev1.DetectionStatus_DETECTION_STATUS_UPDATED, "")
	}
}

func (j *judging) closeDetection(d *detection, reason string) {
	if d == nil {
		return
	}
	j.open = slices.DeleteFunc(j.open, func(o *detection) bool { return o == d })
	j.put(d, vigiev1.DetectionStatus_DETECTION_STATUS_CLOSED, reason)
}

func (j *judging) put(d *detection, status vigiev1.DetectionStatus, reason string) {
	d.said = d.count
	m := &vigiev1.Detection{
		Id: slices.Clone(d.id[:]), Kind: d.kind, Status: status, AtMs: j.tick, OpenedAtMs: d.openedAt,
		Threshold: d.threshold, WindowMs: d.window, PolicyVersion: d.policy, CloseReason: reason, Facts: slices.Clone(d.facts),
		LastHeardMs: d.heard, GroupKind: d.groupKey.kind, Group: d.name, Count: d.count, Of: d.of, UsualMilli: d.usual, Exposed: slices.Clone(d.exposed),
	}
	if status == vigiev1.DetectionStatus_DETECTION_STATUS_CLOSED {
		m.ClosedAtMs = j.tick
	}
	j.env.Emit(topics.Detections, []byte(d.groupKey.kind+"/"+d.name), m)
}

// kindName is the kind in kebab case.
func kindName(k vigiev1.DetectionKind) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(k.String(), "DETECTION_KIND_")), "_", "-")
}

// surge keeps the detection of one series of a group by the plain rule: it opens
// with series.surges, is updated as its count doubles, and closes with series.over.
func (j *judging) surge(kind vigiev1.DetectionKind, k groupKey, s *series, sites uint64, fig *vigiev1.FleetSurge, facts ...string) {
	d := j.detection(kind, k)
	switch {
	case d == nil && s.surges(s.sum, sites, fig):
		j.openDetection(&detection{
			groupKey: k, kind: kind, count: s.sum, of: sites, usual: s.usual,
			threshold: fig.GetLeast(), window: fig.GetWindowMs(), facts: facts,
		})
	case d != nil && s.over(s.sum, fig):
		j.closeDetection(d, closedRateFell)
	case d != nil:
		j.update(d, s.sum, facts...)
	}
}
