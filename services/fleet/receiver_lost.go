package fleet

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

const receiverLost = vigiev1.DetectionKind_DETECTION_KIND_RECEIVER_LOST

// Receiver lost: a receiver is silent while others of its group listen. Panels find
// those; what is gone is the spare.
//
// Opens when one has said nothing for 30 s, without having said that it stops. One
// detection a group names them all and is updated as they change. Closes when all
// are back, have said that they stop, or have been away for a day: then they are
// taken out of service. While nobody of the group listens the outage is told instead.
func (j *judging) receiverLost(h *heard) {
	d := j.detection(receiverLost, groupKey{kindReceiver, h.name})
	n := uint64(len(h.lost))
	switch {
	case d == nil && n > 0:
		j.openDetection(&detection{groupKey: groupKey{kindReceiver, h.name}, kind: receiverLost, count: n, of: h.receivers, facts: h.lost})
	case d != nil && n == 0:
		j.closeDetection(d, closedListening)
	case d != nil && !slices.Equal(d.facts, h.lost):
		d.of = h.receivers
		j.update(d, n, h.lost...)
	}
}
