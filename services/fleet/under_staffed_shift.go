package fleet

import "github.com/open-vigie/vigie/schemas/vigiev1"

// Under-staffed shift (trade rule 12; APSAD R31 P3 and P5: 2 present, P2: 1).
//
// Parameter: operators (2). Opens at once when fewer are present, breaks counted as
// absence; closes when they are enough. It is told once shifts are: a centre that
// has never said who is there is not judged. No policy and no state silences it.
func (j *judging) underStaffedShift() {
	kind, least := vigiev1.DetectionKind_DETECTION_KIND_UNDER_STAFFED_SHIFT, uint64(max(j.figures.GetOperators(), 1))
	present, _ := j.staff()
	d := j.detection(kind, everything)
	switch {
	case d == nil && j.staffed && present < least:
		j.openDetection(&detection{groupKey: everything, kind: kind, count: present, of: least, threshold: uint32(least)})
	case d != nil && present >= least:
		d.count = present
		j.closeDetection(d, closedManned)
	case d != nil && present != d.count:
		d.count = present
		j.put(d, vigiev1.DetectionStatus_DETECTION_STATUS_UPDATED, "")
	}
}
