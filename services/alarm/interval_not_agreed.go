package alarm

import "github.com/open-vigie/vigie/schemas/vigiev1"

// Interval not agreed (trade rule 6): a data-quality task. Opens when a declared
// path has no agreed interval, so that the policy's default (24 h and 1 h) judges
// it; its facts name the paths. What the panel says of its own interval is a
// proposal. Closes when a declaration agrees them all. Nothing silences it.
// Parameters: agreed_by_class, for classes whose interval holds for all their sites.

func (w *work) judgeIntervals(declared []*vigiev1.PathDeclared) {
	var facts []string
	for _, p := range declared {
		if p.GetIntervalMs() == 0 && !w.figures().agreedByClass {
			facts = append(facts, "path-"+itoa(p.GetPath()))
		}
	}
	w.judge(vigiev1.DetectionKind_DETECTION_KIND_INTERVAL_NOT_AGREED, len(facts) > 0, closedResolved, facts...)
}
