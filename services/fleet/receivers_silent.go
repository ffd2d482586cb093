package fleet

import "github.com/open-vigie/vigie/schemas/vigiev1"

const receiversSilent = vigiev1.DetectionKind_DETECTION_KIND_RECEIVERS_SILENT

// factBack says that beats are back and panels have their time to connect anew.
const factBack = "back"

// Our outage (design decisions 7 and 48): nobody of a receiver group listens. Its
// panels are not heard, none of them is called lost for it, and this is what is said
// instead.
//
// Opens when the clock of a partition has stood for 10 s or more because every
// receiver of the group was silent: while others still beat, at that tick; when all
// was dark, at the first one after. It tells from when (last heard), how long, and the
// sites concerned: in one partition alone, when only its log could not be reached.
// Updated when beats are back, and as the sites double. Closes when panels have had
// as long again, at most 5 min, to be heard, and supervision goes on; or when the
// group has no sites any more. The figures are the clock's own, not the policy's. It
// silences nothing: that nobody is accused is the clock's doing.
func (j *judging) receiversSilent(h *heard) {
	d := j.detection(receiversSilent, groupKey{kindReceiver, h.name})
	var facts []string
	until := j.tick
	if h.back != 0 {
		facts, until = []string{factBack}, h.back
	}
	switch {
	case d == nil && h.since != 0 && h.silent > 0:
		j.openDetection(&detection{
			groupKey: groupKey{kindReceiver, h.name}, kind: receiversSilent, count: h.silent, of: h.sites,
			heard: h.since, window: until - h.since, facts: facts,
		})
	case d == nil:
	case h.sites == 0:
		j.closeDetection(d, closedNoSites)
	case h.since == 0:
		j.closeDetection(d, closedListening)
	default:
		d.window = max(d.window, until-d.heard)
		j.update(d, max(d.count, h.silent), facts...)
	}
}
