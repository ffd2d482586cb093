package alarm

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"reflect"
	"testing"
	"unsafe"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/open-vigie/vigie/schemas/packed"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

var update = flag.Bool("update", false, "write the golden bytes of the newest format if they are missing")

// pieces are a snapshot, piece by piece.
func pieces(z *Frozen) (out [][]byte) {
	for more := true; more; {
		c := packed.Writer(nil)
		more = z.Next(c)
		out = append(out, c.Written())
	}
	return out
}

func restoredFrom(t testingT, list [][]byte) *Fold {
	f := NewFold()
	for i, b := range list {
		if err := f.Restore(packed.Reader(b)); err != nil {
			t.Fatalf("piece %d: %v", i, err)
		}
	}
	return f
}

// leaves calls do for every field of v that has no fields of its own, making
// two items of each list and one of each pointer. A message of Protobuf is a leaf.
func leaves(v reflect.Value, fresh bool, do func(reflect.Value)) {
	v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
	switch v.Interface().(type) {
	case *figures, epoch, near, shownID, saidBy:
		return // They follow from what is in the bytes.
	}
	if _, is := v.Interface().(proto.Message); is {
		if fresh {
			v.Set(reflect.New(v.Type().Elem()))
		}
		do(v)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			leaves(v.Field(i), fresh, do)
		}
	case reflect.Pointer:
		if fresh {
			v.Set(reflect.New(v.Type().Elem()))
		}
		leaves(v.Elem(), fresh, do)
	case reflect.Slice:
		if fresh {
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		}
		for i := range v.Len() {
			leaves(v.Index(i), fresh, do)
		}
	case reflect.Array:
		leaves(v.Index(0), fresh, do)
	default:
		do(v)
	}
}

// change gives a leaf another value.
func change(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Pointer:
		v.Interface().(proto.Message).ProtoReflect().SetUnknown([]byte{0x98, 0x3f, 1}) // field 1011
	default:
		if v.CanInt() {
			v.SetInt(v.Int() + 1)
			return
		}
		v.SetUint(v.Uint() + 1)
	}
}

func filled() *site {
	s := &site{}
	leaves(reflect.ValueOf(s).Elem(), true, func(reflect.Value) {})
	return s
}

func siteBytes(s *site) []byte {
	w := sitePacker{Coder: packed.Writer(nil), format: stateFormat}
	w.one(s)
	return w.Written()
}

// Whoever adds a field to the state of a site and forgets it here would lose it
// at the next restore.
func TestEveryFieldOfASiteIsInItsBytes(t *testing.T) {
	before := siteBytes(filled())
	n := 0
	leaves(reflect.ValueOf(filled()).Elem(), false, func(reflect.Value) { n++ })
	for i := range n {
		s, k, kind := filled(), 0, ""
		leaves(reflect.ValueOf(s).Elem(), false, func(v reflect.Value) {
			if k == i {
				change(v)
				kind = v.Type().String()
			}
			k++
		})
		after := siteBytes(s)
		if bytes.Equal(after, before) {
			t.Errorf("field %d of %d, a %s, is not in the bytes", i, n, kind)
		}
		var again site
		r := sitePacker{Coder: packed.Reader(after), format: stateFormat}
		if r.one(&again); r.End() != nil || !bytes.Equal(siteBytes(&again), after) {
			t.Errorf("field %d of %d, a %s, is not read as it was written: %v", i, n, kind, r.End())
		}
	}
}

// The same for what the sites share. What is left out is not state.
func TestEveryFieldOfAFoldIsInItsBytes(t *testing.T) {
	notState := map[string]string{
		"figures":   "follow from policy and classes",
		"interned":  "follow from policy and sites",
		"failure":   "is told to the log, once",
		"zones":     "are a cache",
		"work":      "is empty between records",
		"before":    "is of the record being applied",
		"messages":  "are of the record being applied",
		"restoring": "is the format of what is being read",
		"was":       "is empty between records",
		"is":        "is empty between records",
	}
	packedHere := map[string]bool{"sites": true, "groups": true, "classes": true, "receivers": true, "policy": true, "openDetections": true, "broadcast": true, "degraded": true, "carriers": true, "tally": true, "masses": true}
	for i := range reflect.TypeFor[Fold]().NumField() {
		name := reflect.TypeFor[Fold]().Field(i).Name
		if notState[name] == "" && !packedHere[name] {
			t.Errorf("Fold.%s is neither in a snapshot nor named as what is not state", name)
		}
	}
	f := NewFold()
	f.groups.number("g")
	f.class("home")
	f.receivers["r"] = 1
	f.policy = policyInForce{version: 3, hash: []byte("h"), classes: DemoPolicy(1).GetClasses(), groups: []*vigiev1.GroupPolicy{{Group: "g"}}}
	f.openDetections, f.broadcast, f.degraded = 1, 2, 3
	got := restoredFrom(t, pieces(f.Snapshot()))
	f.refigure()
	for _, pair := range [][2]any{
		{got.groups, f.groups}, {got.classes, f.classes}, {got.receivers, f.receivers}, {got.figures, f.figures},
		{got.policy.version, f.policy.version}, {got.policy.hash, f.policy.hash}, {len(got.policy.classes), len(f.policy.classes)}, {len(got.policy.groups), len(f.policy.groups)},
		{got.Counts(), f.Counts()},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("restored %v, frozen %v", pair[0], pair[1])
		}
	}
}

// A fold that is frozen and restored in the middle of a history goes on as if
// nothing had been, and the frozen bytes do not move while it does.
func TestAFoldRestoredInTheMiddleGoesOnAlike(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		steps := history(t, 60)
		cut := rapid.IntRange(0, len(steps)-1).Draw(t, "cut")
		want := play(t, steps, all, true)
		var frozen *Frozen
		var at [][]byte
		swapped := append([]step(nil), steps...)
		swapped[cut].do = func(a *axis) {
			frozen, at = a.fold.Snapshot(), pieces(a.fold.Snapshot())
			a.fold = restoredFrom(t, at)
			steps[cut].do(a)
		}
		live := append([]step(nil), steps...)
		live[cut].do = func(a *axis) {
			frozen = a.fold.Snapshot()
			steps[cut].do(a)
		}
		got := play(t, swapped, all, true)
		if err := same(lines(got), lines(want)); err != nil {
			t.Fatalf("restored before step %d: %v", cut, err)
		}
		if !reflect.DeepEqual(pieces(got.fold.Snapshot()), pieces(want.fold.Snapshot())) {
			t.Fatalf("restored before step %d, the state at the end differs", cut)
		}
		if _ = play(t, live, all, true); !reflect.DeepEqual(pieces(frozen), at) {
			t.Fatalf("frozen before step %d, the bytes moved with the fold", cut)
		}
	})
}

// A steady heartbeat writes in place, on a second path too.
func TestHeartbeatsDoNotReachIntoAFrozenState(t *testing.T) {
	a := newAxis(t)
	a.declare("home", hour, hour)
	a.poll(1, 0).poll(2, 0)
	before := pieces(a.fold.Snapshot())
	frozen := a.fold.Snapshot()
	a.at(minute)
	a.fold.Apply(a, 0, 0, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Beat{Beat: &vigiev1.Beat{
		Writer: "r", Group: testGroup, Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, BaseMs: a.now, Site: []uint64{7, 7}, Path: []uint32{1, 2},
	}}})
	if !reflect.DeepEqual(pieces(frozen), before) {
		t.Error("the frozen state moved with the heartbeats")
	}
	if reflect.DeepEqual(pieces(a.fold.Snapshot()), before) {
		t.Error("the heartbeats moved nothing")
	}
}

func lines(a *axis) []string {
	out := make([]string, len(a.outs))
	for i, o := range a.outs {
		out[i] = o.topic + " " + o.key + " " + string(o.bytes)
	}
	return out
}

// The bytes of the newest format are fixed: golden ones give the state that they
// were written from.
func TestGoldenBytesOfTheState(t *testing.T) {
	a := newSite(t, "home")
	a.schedule(weekdays(480, 1080)).alarm(intrusion, "1").claim().arm(full).at(2*minute).restore(intrusion, "1")
	a.person(closureBody("c", a.now+hour, a.now+day))
	a.at(3 * hour)
	a.site = historySites[2]
	a.alarm(tamper, "2").poll(2, 0)
	now := bytes.Join(pieces(a.fold.Snapshot()), []byte("--"))
	file := fmt.Sprintf("testdata/state.v%d.bin", stateFormat)
	if _, err := os.Stat(file); *update && os.IsNotExist(err) {
		if err := os.WriteFile(file, now, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: go test ./services/alarm -args -update writes it, once", err)
	}
	if !bytes.Equal(golden, now) {
		t.Errorf("the bytes of format %d have changed: a new encoding needs a new format", stateFormat)
	}
	f := restoredFrom(t, bytes.Split(golden, []byte("--")))
	if got := bytes.Join(pieces(f.Snapshot()), []byte("--")); !bytes.Equal(got, now) {
		t.Errorf("the state read from format %d is another", stateFormat)
	}
}

// What older formats knew is read as it was written; what they did not know is
// as in a site that never had it.
func TestOlderFormatsAreRead(t *testing.T) {
	// The rules of format 2 gave an idle claim back, and knew the point of a loss.
	known := map[uint32]struct {
		holder string
		points int
	}{1: {"alice", 1}, 2: {"", 2}, 3: {"", 2}, 4: {"", 2}, 5: {"", 2}}
	for format := uint32(1); format < stateFormat; format++ {
		golden, err := os.ReadFile(fmt.Sprintf("testdata/state.v%d.bin", format))
		if err != nil {
			t.Fatal(err)
		}
		f := restoredFrom(t, bytes.Split(golden, []byte("--")))
		c := f.sites.find(7).cold
		inc := c.incidents[0]
		if inc.holder != known[format].holder || len(inc.points) != known[format].points || inc.points[0].zone != "1" || c.closure.id != "c" || len(c.schedule.Hours) != 5 {
			t.Errorf("format %d: the incident is %v at %v, the closure %v", format, inc.holder, inc.points, c.closure)
		}
		if len(c.consignes)+len(c.visits)+len(c.calls) != 0 || c.commission != nil || inc.flavour != live || f.Counts().OpenDetections == 0 {
			t.Errorf("format %d: %v, %v and a %d came from nowhere", format, c.consignes, c.visits, inc.flavour)
		}
		again := restoredFrom(t, pieces(f.Snapshot()))
		if !reflect.DeepEqual(pieces(again.Snapshot()), pieces(f.Snapshot())) {
			t.Errorf("format %d, written as %d, is another state", format, stateFormat)
		}
	}
}

func TestWhatIsNoStateIsRefused(t *testing.T) {
	a := newSite(t, "home")
	list := pieces(a.fold.Snapshot())
	head, sites := list[0], list[1]
	newer := append([]byte{head[0], byte(stateFormat) + 1}, head[2:]...)
	for name, given := range map[string][][]byte{
		"a newer format":       {newer},
		"an unknown kind":      {{9}},
		"sites twice":          {head, sites, sites},
		"sites without a head": {sites},
		"a head cut off":       {head[:len(head)-1]},
		"sites cut off":        {head, sites[:len(sites)-1]},
		"bytes after the head": {append(bytes.Clone(head), 0)},
		"nothing at all":       {{}},
	} {
		f := NewFold()
		var err error
		for _, b := range given {
			if err == nil {
				err = f.Restore(packed.Reader(b))
			}
		}
		if err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// FuzzRestore: no bytes make the fold panic.
func FuzzRestore(f *testing.F) {
	a := newSite(f, "home")
	a.alarm(intrusion, "1").claim()
	list := pieces(a.fold.Snapshot())
	f.Add(list[0], list[1])
	f.Fuzz(func(_ *testing.T, head, sites []byte) {
		fold := NewFold()
		if fold.Restore(packed.Reader(head)) == nil && fold.Restore(packed.Reader(sites)) == nil {
			_ = pieces(fold.Snapshot())
		}
	})
}

// BenchmarkSnapshot: 100,000 sites with heartbeats only. One op is the whole
// state; beside the encoding stand the stop for the copy and a bare copy of the
// same sites.
func BenchmarkSnapshot(b *testing.B) {
	f, env, beats := NewFold(), &stillEnv{w: axisStart, s: axisStart}, benchBeats()
	for _, r := range beats {
		f.Apply(env, 0, 0, r)
	}
	list := pieces(f.Snapshot())
	size := 0
	for _, p := range list {
		size += len(p)
	}
	b.Run("freeze", func(b *testing.B) {
		for b.Loop() {
			f.Snapshot()
		}
	})
	b.Run("encode", func(b *testing.B) {
		b.SetBytes(int64(size))
		c := packed.Writer(make([]byte, 0, 2*pieceBytes))
		for b.Loop() {
			for z, more := f.Snapshot(), true; more; {
				*c = *packed.Writer(c.Written()[:0])
				more = z.Next(c)
			}
		}
		b.ReportMetric(float64(size)/benchSites, "B/site")
	})
	b.Run("restore", func(b *testing.B) {
		b.SetBytes(int64(size))
		for b.Loop() {
			if got := restoredFrom(b, list).Counts().Sites; got != benchSites {
				b.Fatalf("%d sites", got)
			}
		}
	})
	b.Run("copy-on-write", func(b *testing.B) {
		for b.Loop() {
			f.Snapshot()
			for k := range f.sites.slabs {
				f.sites.own(uint32(k))
			}
		}
	})
}
