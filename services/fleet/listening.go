package fleet

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// heard is how one receiver group listens, over all partitions.
type heard struct {
	name string
	// since is when the first partition lost its last receiver, 0 when all have one;
	// back when beats were back in the last of them, 0 while they are not.
	since, back int64
	// blind is since when the first partition has had far too few frames; 0 when none.
	blind int64
	// lost are receivers silent alone, by name; receivers how many are known.
	lost      []string
	receivers uint64
	// silent and deaf are the sites of the group in partitions where it is silent, and
	// where it is blind; sites are all.
	silent, deaf, sites uint64
}

// listening judges every receiver group that is told of, or has something open.
func (j *judging) listening() {
	for _, name := range j.listeners() {
		h := j.heardOf(name)
		j.receiversSilent(h)
		j.receiverLost(h)
		j.ingressBlind(h)
	}
}

// listeners are the names of those groups, in order.
func (j *judging) listeners() []string {
	var names []string
	for i := range j.parts {
		for _, l := range j.parts[i].listening {
			names = append(names, l.GetGroup())
		}
	}
	for _, d := range j.open {
		switch d.kind {
		case receiversSilent, receiverLost, ingressBlind:
			names = append(names, d.name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// heardOf adds up what the partitions tell of a group.
func (j *judging) heardOf(name string) *heard {
	h := &heard{name: name}
	levels := []level(nil)
	if i, known := j.groupIndex[groupKey{kindReceiver, name}]; known {
		h.sites, levels = j.groups[i].sites, j.groups[i].levels
	}
	waiting := false
	for n := range j.parts {
		for _, l := range j.parts[n].listening {
			if l.GetGroup() == name {
				h.add(l, sitesIn(levels, n))
				waiting = waiting || l.GetSilentSinceMs() != 0 && l.GetBackMs() == 0
			}
		}
	}
	if waiting {
		h.back = 0
	}
	slices.Sort(h.lost)
	h.lost = slices.Compact(h.lost)
	return h
}

func (h *heard) add(l *vigiev1.FleetListening, sites uint64) {
	if since := l.GetSilentSinceMs(); since != 0 {
		h.since = earlier(h.since, since)
		h.back = max(h.back, l.GetBackMs())
		h.silent += sites
	}
	if since := l.GetBlindSinceMs(); since != 0 {
		h.blind = earlier(h.blind, since)
		h.deaf += sites
	}
	h.lost = append(h.lost, l.GetLost()...)
	h.receivers = max(h.receivers, uint64(l.GetReceivers()))
}

// earlier of two moments, of which the first may be none.
func earlier(a, b int64) int64 {
	if a == 0 {
		return b
	}
	return min(a, b)
}

func sitesIn(levels []level, partition int) uint64 {
	for _, l := range levels {
		if int(l.partition) == partition {
			return l.sites
		}
	}
	return 0
}
