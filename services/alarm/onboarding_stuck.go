package alarm

import (
	"strings"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Onboarding stuck: a raccordement that stands at a stage for longer than the
// policy's figure: requested 5 d, scheduled 2 d, installed 2 d, tested 2 d (all
// default, unverified), from the planned day where that is later. Closes with the
// next stage. In service, suspended and resigned have no clock. Nothing silences it.

func (w *work) moveStage(b *vigiev1.ConnectionStage) decided {
	stage := b.GetStage()
	if stage == vigiev1.ConnectionStage_STAGE_UNSPECIFIED {
		return refused("stage-required")
	}
	c := w.cold()
	w.cancelTimer(timerStage, 0)
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_ONBOARDING_STUCK, 0, ""), closedResolved)
	switch {
	case stage == vigiev1.ConnectionStage_STAGE_REQUESTED && c.stage != stage:
		w.happened(happenedRequest)
	case stage == vigiev1.ConnectionStage_STAGE_IN_SERVICE && c.stage != stage:
		w.happened(happenedCompletion)
	}
	c.stage, c.stageSince = stage, w.at
	if ms := w.stageFor(); ms != 0 {
		w.setTimer(timerStage, 0, max(w.at, b.GetPlannedAtMs())+ms)
	}
	w.commissionStage()
	w.watchSchedule()
	w.changed()
	w.putDirectory(w.declaration())
	return accepted("")
}

// stageFor is how long the site may stand at its stage; 0 for ever.
func (w *work) stageFor() int64 {
	i := int(w.cold().stage - vigiev1.ConnectionStage_STAGE_REQUESTED)
	if i < 0 || i >= len(w.figures().onboarding) {
		return 0
	}
	return w.figures().onboarding[i]
}

func (w *work) stageStuck() {
	c := w.cold()
	d := w.fresh(vigiev1.DetectionKind_DETECTION_KIND_ONBOARDING_STUCK, "")
	d.windowMS = w.at - c.stageSince
	d.facts = []string{strings.ToLower(strings.TrimPrefix(c.stage.String(), "STAGE_"))}
	w.openDetection(d)
}
