package alarm

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// zoneWatch is what the rules of runaway and chattering zones remember of a zone.
type zoneWatch struct {
	point point
	// negatives are alarms of the zone that were verified negative, oldest first.
	negatives []int64
	// credit of the token bucket as of creditAt, ms: a full bucket is the policy's
	// figure times the time of one token.
	credit, creditAt int64
}

// zoneWatched finds what is remembered of a point, made now if it is new.
func (w *work) zoneWatched(p point) *zoneWatch {
	c := w.seldom()
	for i := range c.watchedZones {
		if c.watchedZones[i].point == p {
			return &c.watchedZones[i]
		}
	}
	w.forgetQuietZones() // No timer of their own: they cost nothing while nothing comes.
	full := int64(w.figures().chatterBucket) * w.figures().chatterRefill
	c.watchedZones = appendCapped(c.watchedZones, zoneWatch{point: p, credit: full, creditAt: w.at}, maxZonesWatched)
	return &c.watchedZones[len(c.watchedZones)-1]
}

// ofZone finds the open detection of a kind about a point.
func (w *work) ofZone(kind vigiev1.DetectionKind, p point) *detection {
	for _, d := range w.cold().open {
		if d.kind == kind && d.area == p.area && d.zone == p.zone {
			return w.keepDetection(d)
		}
	}
	return nil
}

// zoneOut follows a zone taken out of protection and back.
func (w *work) zoneOut(p point, restored bool) {
	if !restored {
		w.closeDetection(w.ofZone(vigiev1.DetectionKind_DETECTION_KIND_RUNAWAY_ZONE, p), closedInhibited)
	}
	w.restoredProtection()
	w.checkReopening()
}

// forgetQuietZones drops zones of which nothing is left to remember.
func (w *work) forgetQuietZones() {
	c, fig := w.seldom(), w.figures()
	full := int64(fig.chatterBucket) * fig.chatterRefill
	c.watchedZones = slices.DeleteFunc(c.watchedZones, func(z zoneWatch) bool {
		return len(z.negatives) == 0 && z.credit+w.at-z.creditAt >= full
	})
}
