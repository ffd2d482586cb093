package alarm

import "github.com/open-vigie/vigie/schemas/vigiev1"

// Consignes in conflict (trade rule 4): conflicts are shown. Opens when two
// consignes in force have equal precedence and neither has the higher priority;
// until somebody decides, the newer one gives the steps. Closes when one takes
// precedence. Nothing silences it. Parameters: none.

func (w *work) judgeConflict() {
	var first *consigne
	var facts []string
	for i := range w.cold().consignes {
		k := &w.cold().consignes[i]
		switch {
		case !k.inForce(w.at):
		case first == nil:
			first = k
		case facts == nil && sameRank(*first, *k):
			facts = []string{first.id, k.id}
		}
	}
	w.judge(vigiev1.DetectionKind_DETECTION_KIND_CONSIGNES_CONFLICT, facts != nil, closedResolved, facts...)
}
