package fleet

import "github.com/open-vigie/vigie/schemas/vigiev1"

const ingressBlind = vigiev1.DetectionKind_DETECTION_KIND_INGRESS_BLIND

// Ingress blind (design decision 48): the receivers of a group run, and next to
// nothing comes in. The uplink before them may be down, so supervision stands as in an
// outage of ours.
//
// Opens when in 10 s fewer than a tenth of the frames came that came in the weakest
// 10 s of the last 5 min, at least 100. It tells since when, and the sites concerned;
// updated as they double. Closes when frames come again, or after an hour: then what
// comes in is taken for all there is, and who is silent is lost. The figures are the
// clock's own. It silences nothing.
func (j *judging) ingressBlind(h *heard) {
	d := j.detection(ingressBlind, groupKey{kindReceiver, h.name})
	switch {
	case d == nil && h.blind != 0:
		j.openDetection(&detection{
			groupKey: groupKey{kindReceiver, h.name}, kind: ingressBlind, count: h.deaf, of: h.sites,
			heard: h.blind, window: j.tick - h.blind,
		})
	case d != nil && h.blind == 0:
		j.closeDetection(d, closedListening)
	case d != nil:
		d.window = j.tick - d.heard
		j.update(d, max(d.count, h.deaf))
	}
}
