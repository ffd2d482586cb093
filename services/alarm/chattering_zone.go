package alarm

import "github.com/open-vigie/vigie/schemas/vigiev1"

// Chattering zone: one that alarms and restores over and over, also too slowly for
// a window to see (trade rule 5: detection by token bucket). A zone's bucket holds
// chatter_bucket (5) alarms and gets one back every chatter_refill_ms (2 min);
// both default, unverified. Opens when an alarm finds it empty, is updated as its
// alarms double, closes when it is full again. It silences nothing: folding does,
// by its own rules. Classes that are never suppressed take no token.

func (w *work) chatters(sig signal) {
	fig := w.figures()
	if sig.point.zone == "" || neverSuppressed(sig.class) {
		return
	}
	z := w.zoneWatched(sig.point)
	full := int64(fig.chatterBucket) * fig.chatterRefill
	z.credit = min(full, z.credit+w.at-z.creditAt)
	z.creditAt = w.at
	empty := z.credit < fig.chatterRefill
	z.credit = max(0, z.credit-fig.chatterRefill)
	kind := vigiev1.DetectionKind_DETECTION_KIND_CHATTERING_ZONE
	if d := w.ofZone(kind, sig.point); d != nil {
		d.prove(idOf(w.cause))
		w.updateDetection(d)
		w.setTimer(timerChatterEnds, 0, w.at+full-z.credit)
		return
	}
	if !empty {
		return
	}
	w.setTimer(timerChatterEnds, 0, w.at+full-z.credit)
	d := w.fresh(kind, sig.point.area+"/"+sig.point.zone)
	d.area, d.zone, d.threshold, d.windowMS = sig.point.area, sig.point.zone, fig.chatterBucket, fig.chatterRefill
	w.openDetection(d)
}

// chatterEnds closes those whose bucket is full again.
func (w *work) chatterEnds(civil) {
	c, fig := w.cold(), w.figures()
	full := int64(fig.chatterBucket) * fig.chatterRefill
	next := int64(0)
	for i := range c.watchedZones {
		z := &c.watchedZones[i]
		at, d := z.creditAt+full-z.credit, w.ofZone(vigiev1.DetectionKind_DETECTION_KIND_CHATTERING_ZONE, z.point)
		switch {
		case d == nil:
		case at <= w.at:
			w.closeDetection(d, closedRateFell)
		case next == 0 || at < next:
			next = at
		}
	}
	if next != 0 {
		w.setTimer(timerChatterEnds, 0, next)
	}
	w.forgetQuietZones()
}
