package demo

import (
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"
)

func TestPeopleDoWhatTheRulesAskForInEachRound(t *testing.T) {
	t.Parallel()
	r, d := newFakeReceiver(t), newFakeDesk(t)
	_, stop := start(t, Config{Sites: 24, Seed: 5, Speed: 40}, r, d)
	defer stop()
	d.did(t, "declared", "stage", "contacts-set", "consigne-set", "closure-declare", "visit-announce", "test-on", "test-off", "closure-lift", "consigne-withdraw",
		"call offered", "call answered", "call ended")
	r.await(func() bool { return r.accounts["0E00"] > 0 })
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range d.acts["closure-declare"] {
		if a["by"] != "contact-1" || a["authenticated_how"] != "passcode" || a["until_ms"].(float64) < float64(time.Now().Add(-time.Minute).UnixMilli()) {
			t.Errorf("declared by %v", a)
		}
	}
}

func TestDeedsAreAFunctionOfThePlanAndLeaveTheStoryAlone(t *testing.T) {
	a, b := newPlan(7, 40, 1, 1_700_000_000_000), newPlan(7, 40, 1, 1_700_000_000_000)
	for r := range 5 {
		one, two := a.deeds(r), b.deeds(r)
		if len(one) != len(two) || !slices.IsSortedFunc(one, func(x, y deed) int { return int(x.at - y.at) }) {
			t.Fatalf("round %d has %d and %d deeds", r, len(one), len(two))
		}
		with, without := 0, 0
		s := a.story(r, a.scaled(round)*time.Duration(r))
		ordered := map[string]bool{}
		for i, d := range one {
			if d.path != two[i].path || d.at != two[i].at || d.body != nil && !reflect.DeepEqual(d.body(1), two[i].body(1)) {
				t.Fatalf("round %d, deed %d: %+v and %+v", r, i, d, two[i])
			}
			if from := a.scaled(round) * time.Duration(r); d.at < from {
				t.Errorf("round %d, deed %d is of before", r, i)
			}
			if d.body != nil && d.body(1)["act"] == "consigne-set" {
				ordered[d.path] = true
			}
		}
		for i := range s.away {
			if ordered["/api/v1/sites/"+strconv.FormatUint(a.sites[i].Number, 10)+"/acts"] {
				with++
			} else {
				without++
			}
		}
		if with != 1 || without != awaySites-1 {
			t.Errorf("round %d: %d closed sites with a consigne, %d without", r, with, without)
		}
	}
}
