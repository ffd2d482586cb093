package alarm

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// takenBack applies an event, fails once everything was done and looks whether the site
// is what it was. The axis does so before each event of each test, so that no rule can
// change what nobody kept. With a.faults it fails a second time, where chance will.
func (a *axis) takenBack(ev *vigiev1.Event) {
	s := a.fold.sites.find(ev.GetSite())
	if ev == nil || s == nil {
		return
	}
	t := max(s.last, ev.GetReceivedAtMs())
	take := func(w *work) { w.take(ev, t) }
	a.failed(a, s, t, ev.GetId(), take)
	if a.faults != nil {
		a.failed(&failingEnv{a, a.faults.IntN(3)}, s, t, ev.GetId(), take)
	}
	if a.faults != nil && s.cold != nil {
		was := siteBytes(s)
		heal := a.drawnFault(s)
		a.failed(a, s, t, ev.GetId(), take)
		heal(s.cold)
		if !bytes.Equal(siteBytes(s), was) {
			a.t.Fatalf("a record that failed in the middle left something behind on %s", ids.Site(s.number))
		}
	}
}

// firedBack does the same with a civil timer.
func (a *axis) firedBack(t Timer) {
	if s := a.fold.sites.find(t.Site); s != nil && s.cold != nil && !t.Absence {
		a.failed(a, s, max(s.last, t.Deadline), nil, func(w *work) { w.advance(t.Deadline) })
	}
}

func (a *axis) failed(env Env, s *site, at int64, cause []byte, do func(*work)) {
	a.t.Helper()
	f := a.fold
	was, counts, failure, masses := siteBytes(s), f.Counts(), f.failure, slices.Clone(f.masses)
	outs, timers := len(a.outs), len(a.timers)
	ok := f.within(env, s, at, cause, func(w *work) {
		do(w)
		w.finish()
		panic("the test takes it back")
	})
	if ok || !bytes.Equal(siteBytes(s), was) || f.Counts() != counts || len(a.outs) != outs || len(a.timers) != timers {
		a.t.Fatalf("a record that failed (%v) left something behind on %s", f.failure, ids.Site(s.number))
	}
	f.failure, f.masses = failure, masses
}

// failingEnv answers a few questions and then fails: in the middle of the rules.
type failingEnv struct {
	*axis
	left int
}

func (e *failingEnv) SAt(group string, at int64) int64 {
	if e.left == 0 {
		panic("the test's clock fails")
	}
	e.left--
	return e.axis.SAt(group, at)
}

// drawnFault puts something into a site that no rule can stand, and returns what takes
// it out: a rule fails when it comes by, be it the first or the last.
func (a *axis) drawnFault(s *site) (heal func(*cold)) {
	a.fold.own(s)
	c := s.cold
	switch a.faults.IntN(4) {
	case 0:
		i := a.faults.IntN(len(c.open) + 1)
		c.open = slices.Insert(c.open, i, nil)
		return func(c *cold) { c.open = slices.Delete(c.open, i, i+1) }
	case 1:
		i := a.faults.IntN(len(c.incidents) + 1)
		c.incidents = slices.Insert(c.incidents, i, nil)
		return func(c *cold) { c.incidents = slices.Delete(c.incidents, i, i+1) }
	case 2: // A text that cannot be decoded: the public state fails, after all rules.
		c.consignes = append(c.consignes, consigne{permanent: true, from: a.now + 400*day, text: []byte{0xff}})
		return func(c *cold) { c.consignes = c.consignes[:len(c.consignes)-1] }
	default: // A storm without its detection: counting into it fails.
		open := c.storm.open
		c.storm.open = true
		return func(c *cold) { c.storm.open = open }
	}
}

// Whatever a rule had done when it failed, the site is what it was; and nobody notices
// later: outputs and state are those of a history in which nothing failed.
func TestARecordThatFailsLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		steps := history(t, 60)
		seed, cut := rapid.Uint64().Draw(t, "faults"), rapid.IntRange(0, len(steps)-1).Draw(t, "snapshot")
		want := play(t, steps, all, true)
		failing := append([]step(nil), steps...)
		do := failing[cut].do
		failing[cut].do = func(a *axis) {
			a.fold.Snapshot() // The old states are its own from here on.
			do(a)
		}
		first := failing[0].do
		failing[0].do = func(a *axis) {
			a.faults = rand.New(rand.NewPCG(seed, 0))
			first(a)
		}
		got := play(t, failing, all, true)
		if err := same(lines(got), lines(want)); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(pieces(got.fold.Snapshot()), pieces(want.fold.Snapshot())) {
			t.Fatal("the state at the end differs")
		}
	})
}

// A snapshot is encoded while the fold goes on, and holds what was when it was taken.
func TestASnapshotIsReadWhileTheFoldGoesOn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		steps := history(t, 60)
		cut := rapid.IntRange(0, len(steps)-1).Draw(t, "cut")
		var at [][]byte
		read := make(chan [][]byte, 1)
		do := steps[cut].do
		steps[cut].do = func(a *axis) {
			at = pieces(a.fold.Snapshot())
			frozen := a.fold.Snapshot()
			go func() { read <- pieces(frozen) }()
			do(a)
		}
		play(t, steps, all, true)
		if !reflect.DeepEqual(<-read, at) {
			t.Fatalf("frozen before step %d, the bytes moved with the fold", cut)
		}
	})
}

// What a copy of a site may share with it: rules replace these whole.
var sharedByCopies = []string{
	"cold.binding", "cold.commission", "cold.consignes[].steps", "cold.consignes[].text", "cold.declaration",
	"cold.incidents[].acts[]", "cold.incidents[].steps", "cold.own", "cold.remembered", "cold.reopening.areas",
	"cold.schedule", "cold.test", "cold.visits[]", "cold.zoneFacts",
}

// Whoever adds a list to the state of a site has to say which of the two it is.
func TestACopyOfASiteSharesOnlyWhatIsReplacedWhole(t *testing.T) {
	s := filled()
	k := *s
	k.cold = s.cold.clone(0)
	if !bytes.Equal(siteBytes(s), siteBytes(&k)) {
		t.Error("the copy is another site")
	}
	mine, shared := map[string]uintptr{}, map[string]bool{}
	places(reflect.ValueOf(s).Elem(), "", func(path string, at uintptr) { mine[path] = at })
	places(reflect.ValueOf(&k).Elem(), "", func(path string, at uintptr) {
		if mine[path] == at {
			shared[path] = true
		}
	})
	if got := slices.Sorted(maps.Keys(shared)); !slices.Equal(got, sharedByCopies) {
		t.Errorf("a copy shares %q, expected %q", got, sharedByCopies)
	}
}

// places tells where everything stands that a value refers to, shared things once.
func places(v reflect.Value, path string, do func(path string, at uintptr)) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		do(path, v.Pointer())
		if !slices.Contains(sharedByCopies, path) {
			places(v.Elem(), path, do)
		}
	case reflect.Slice:
		if v.Len() == 0 {
			return
		}
		do(path, v.Pointer())
		if !slices.Contains(sharedByCopies, path) {
			places(v.Index(0), path+"[]", do)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			name := path
			if !field.Anonymous {
				name = strings.TrimPrefix(path+"."+field.Name, ".")
			}
			places(v.Field(i), name, do)
		}
	}
}
