package alarm

import "github.com/open-vigie/vigie/schemas/vigiev1"

// Cyclic test missed (trade rule 6). The cyclic test is an obligation of its own,
// which no other message fulfils. Its interval is the one declared for the site,
// else cyclic_test_ms (24 h; class "fire" 10 min, default, unverified) once a first
// one has come. Opens when none came for it and cyclic_test_grace_ms (1 h; fire
// 1 min, default, unverified) more. Closes with the next one. Silenced by an outage
// of ours, until we have listened for that long.

func (w *work) cyclicTest() int64 {
	if ms := w.cold().cyclicTestMS; ms != 0 {
		return ms
	}
	return w.figures().cyclicTest
}

func (w *work) cyclicTestCame(ev *vigiev1.Event) {
	c := w.cold()
	c.testedAt = ev.GetReceivedAtMs()
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_TEST_MISSED, 0, ""), closedRestored)
	w.watchAbsence(timerTestMissed, c.testedAt, w.cyclicTest()+w.figures().cyclicTestGrace)
}

// declareCyclicTest starts the obligation of a site that never sent a test.
func (w *work) declareCyclicTest(ms int64) {
	c := w.cold()
	changed := c.cyclicTestMS != ms
	c.cyclicTestMS = ms
	if !changed || ms == 0 && c.testedAt == 0 {
		return
	}
	since := c.testedAt
	if since == 0 {
		since = w.at
	}
	w.watchAbsence(timerTestMissed, since, w.cyclicTest()+w.figures().cyclicTestGrace)
}

func (w *work) testMissed() {
	c := w.cold()
	d := w.fresh(vigiev1.DetectionKind_DETECTION_KIND_TEST_MISSED, "")
	d.intervalMS, d.windowMS, d.lastHeard = w.cyclicTest(), w.figures().cyclicTestGrace, c.testedAt
	w.openDetection(d)
}
