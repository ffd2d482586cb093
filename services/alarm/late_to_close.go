package alarm

import "github.com/open-vigie/vigie/schemas/vigiev1"

// Late to close, not armed (trade rule 7). Opens when an area is not armed, or
// unknown, late_to_close_ms (30 min) after closing time; armed in part is armed:
// people sleep there. It opens an incident with the schedule's clock (450 s,
// 15 min; default, unverified). Closes when every area is armed, at the next
// opening time, or when the schedule changes. Silenced by: an outage of ours,
// until we have listened for that long; a site not in service. A closure does
// not silence it.

// unarmed are the names of the areas that are not armed in any way.
func (c *cold) unarmed() []string {
	var names []string
	for _, a := range c.areas {
		if !isArmed(a.mode) {
			names = append(names, a.name)
		}
	}
	return names
}

func (w *work) lateToClose() {
	c, fig := w.cold(), w.figures()
	names := c.unarmed()
	if len(names) == 0 && len(c.areas) > 0 {
		return
	}
	d := w.fresh(vigiev1.DetectionKind_DETECTION_KIND_LATE_TO_CLOSE, "")
	d.windowMS = fig.lateToClose
	if len(names) > 0 {
		d.area = names[0]
	}
	for _, a := range c.areas {
		if !isArmed(a.mode) && a.event != [16]byte{} {
			d.prove(a.event)
		}
	}
	w.openDetection(d)
	w.raiseScheduled(d, false)
}
