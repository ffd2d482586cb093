package supervision

import (
	"cmp"
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Form says how heartbeats stand in the log.
type Form string

const (
	// Records: an event of its own for each heartbeat.
	Records Form = "records"
	// Beats: as Vigie's receivers write them, all of a step in one record a partition.
	Beats Form = "beats"
)

// Spec says which history: equal specs give equal records.
type Spec struct {
	Seed       uint64
	Sites      int
	Partitions int32
	// StartMS is the log's time of its first record, Unix ms UTC.
	StartMS  int64
	Duration time.Duration
	Form     Form
	// ArmChance is the chance of arming after a heartbeat; 0.002 when 0.
	ArmChance float64
}

// Figures of the life in a history. Chances are per heartbeat.
const (
	// StepMS is the pace of beats: a receiver's, when polls come.
	StepMS = 250
	// One site in fastEvery is polled each fastPeriod and declares fastInterval.
	slowPeriod, fastPeriod = 90_000, 20_000
	fastEvery              = 20
	fastInterval           = 60_000
	// A silence lasts up to maxSilence; most are longer than the interval.
	silenceChance, maxSilence = 0.0005, 1_200_000
	armChance                 = 0.002
	alarmChance               = 0.001
	// A burst has 12 to 40 alarms within a few minutes.
	burstChance = 0.0001
)

// Injected counts what the generator knows that it put into the log.
type Injected struct {
	Records, Heartbeats, Alarms, Arming uint64
	// Lost and Restored follow from the gaps between a site's heartbeats, ModeChanges
	// from the modes in order; no fold had a part in them.
	Lost, Restored, ModeChanges uint64
}

// Events is what the log says of sites, whatever record it stands in.
func (i Injected) Events() uint64 { return i.Heartbeats + i.Alarms + i.Arming }

// Outputs is how many records lost, restored and arming must give; storms are not
// the generator's to know.
func (i Injected) Outputs() uint64 { return i.Lost + i.Restored + i.ModeChanges }

// History makes the records of a spec, step by step.
type History struct {
	spec     Spec
	rng      *rand.Rand
	now      int64
	sites    []life
	calendar [][]int32
	alarms   map[int64][]int32
	boot     []byte
	// counters of events and of polls, one a partition.
	counters, polls []uint64
	injected        Injected
	step            []*kgo.Record
	// beats of the step, one a partition, and when their last heartbeat came.
	beats  []*vigiev1.Beat
	inBeat []int64
}

// life is a site as the generator leads it.
type life struct {
	partition   int32
	period      int64
	lastHeard   int64
	silentUntil int64
	mode        vigiev1.AreaMode
}

// NewHistory begins at the start.
func NewHistory(s Spec) *History {
	h := &History{
		spec: s, rng: rand.New(rand.NewPCG(s.Seed, 7)), now: s.StartMS,
		sites: make([]life, s.Sites), calendar: make([][]int32, slowPeriod/StepMS),
		alarms: map[int64][]int32{}, boot: binary.BigEndian.AppendUint64(make([]byte, 8), s.Seed),
		counters: make([]uint64, s.Partitions), polls: make([]uint64, s.Partitions), beats: make([]*vigiev1.Beat, s.Partitions), inBeat: make([]int64, s.Partitions),
	}
	for i := range h.sites {
		period := int64(slowPeriod)
		if i%fastEvery == 0 {
			period = fastPeriod
		}
		h.sites[i] = life{partition: topics.PartitionOf(number(i), s.Partitions), period: period}
		at := h.rng.Int64N(period / StepMS)
		h.calendar[at] = append(h.calendar[at], int32(i))
	}
	return h
}

func number(i int) uint64 { return uint64(i) + 1 }

func (l *life) interval() int64 {
	if l.period == fastPeriod {
		return fastInterval
	}
	return defaultInterval
}

// Injected so far.
func (h *History) Injected() Injected { return h.injected }

// Next makes the records of the next 250 ms, those of a partition in the order in
// which they must be appended; topics without prefix. It returns nil at the end.
// What it returned before is not used again.
func (h *History) Next() []*kgo.Record {
	if h.now > h.spec.StartMS+h.spec.Duration.Milliseconds() {
		return nil
	}
	h.step = nil
	for p := range h.beats {
		h.beats[p] = &vigiev1.Beat{
			Writer: "receiver-1", Boot: h.boot, Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "main",
			Sequence: uint64((h.now-h.spec.StartMS)/StepMS) + 1, TMs: h.now, BaseMs: h.now,
		}
	}
	if h.now == h.spec.StartMS {
		h.declare() // The clock stands before the first heartbeat.
	} else {
		h.live()
	}
	for p, b := range h.beats {
		h.append(int32(p), nil, h.now, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Beat{Beat: b}})
	}
	if h.now+StepMS > h.spec.StartMS+h.spec.Duration.Milliseconds() {
		h.end()
	}
	h.now += StepMS
	return h.step
}

func (h *History) declare() {
	for i := range h.sites {
		if h.sites[i].period != fastPeriod {
			continue
		}
		h.event(i, h.now, &vigiev1.Event{Body: &vigiev1.Event_SiteDeclared{SiteDeclared: &vigiev1.SiteDeclared{
			SiteClass: "shop", TimeZone: "Europe/Paris",
			Paths: []*vigiev1.PathDeclared{{Path: 1, Name: "ip", IntervalMs: fastInterval, ReceiverGroup: "main"}},
		}}})
	}
}

// live leads every site whose turn it is through the step that ends now.
func (h *History) live() {
	bucket := (h.now - h.spec.StartMS) / StepMS % int64(len(h.calendar))
	due := h.calendar[bucket]
	h.calendar[bucket] = nil
	for k, i := range due {
		// In order within the step, as one receiver takes them.
		at := h.now - StepMS + 1 + int64(k)*(StepMS-1)/int64(len(due))
		l := &h.sites[i]
		if at >= l.silentUntil {
			h.heartbeat(int(i), at)
			h.chance(int(i), at)
		}
		next := (bucket + l.period/StepMS) % int64(len(h.calendar))
		h.calendar[next] = append(h.calendar[next], i)
	}
	for _, i := range h.alarms[h.now] {
		h.alarm(int(i), h.now)
	}
	delete(h.alarms, h.now)
}

func (h *History) heartbeat(i int, at int64) {
	l := &h.sites[i]
	h.injected.Heartbeats++
	// Lost at the first tick past the deadline: the last one before this step, at the latest.
	if l.lastHeard != 0 && l.lastHeard+l.interval() <= h.now-StepMS {
		h.injected.Lost++
		h.injected.Restored++
	}
	l.lastHeard = at
	if h.spec.Form == Beats {
		b := h.beats[l.partition]
		if len(b.Site) == 0 {
			b.BaseMs, h.inBeat[l.partition] = at, at
		}
		b.Site = append(b.Site, number(i))
		b.ReceivedDeltaMs = append(b.ReceivedDeltaMs, at-h.inBeat[l.partition])
		h.inBeat[l.partition] = at
		return
	}
	h.event(i, at, &vigiev1.Event{
		Source: h.panel(i, "NULL"),
		Body:   &vigiev1.Event_Heartbeat{Heartbeat: &vigiev1.Heartbeat{Path: 1}},
	})
}

// chance lets a site that was just heard do more than that.
func (h *History) chance(i int, at int64) {
	l := &h.sites[i]
	if h.rng.Float64() < silenceChance {
		l.silentUntil = at + h.rng.Int64N(maxSilence)
	}
	if h.rng.Float64() < cmp.Or(h.spec.ArmChance, armChance) {
		h.arm(i, at)
	}
	if h.rng.Float64() < alarmChance {
		h.alarm(i, at)
	}
	if h.rng.Float64() < burstChance {
		when := h.now
		for range 12 + h.rng.IntN(29) {
			when += StepMS * (1 + h.rng.Int64N(60))
			h.alarms[when] = append(h.alarms[when], int32(i))
		}
	}
}

// arm says a mode, which may be the one that stands.
func (h *History) arm(i int, at int64) {
	modes := []vigiev1.AreaMode{vigiev1.AreaMode_AREA_MODE_DISARMED, vigiev1.AreaMode_AREA_MODE_ARMED_FULL, vigiev1.AreaMode_AREA_MODE_ARMED_PART}
	mode := modes[h.rng.IntN(len(modes))]
	signal := &vigiev1.Signal{Format: "SIA", Code: "CL", Area: "1", User: strconv.Itoa(h.rng.IntN(40))}
	e := &vigiev1.Event{Source: h.panel(i, "SIA-DCS"), Body: &vigiev1.Event_Armed{Armed: &vigiev1.Armed{Signal: signal, Mode: mode}}}
	if mode == vigiev1.AreaMode_AREA_MODE_DISARMED {
		signal.Code = "OP"
		e.Body = &vigiev1.Event_Disarmed{Disarmed: &vigiev1.Disarmed{Signal: signal}}
	}
	h.injected.Arming++
	if l := &h.sites[i]; l.mode != mode {
		l.mode = mode
		h.injected.ModeChanges++
	}
	h.event(i, at, e)
}

func (h *History) alarm(i int, at int64) {
	h.injected.Alarms++
	h.event(i, at, &vigiev1.Event{Source: h.panel(i, "SIA-DCS"), Body: &vigiev1.Event_AlarmRaised{AlarmRaised: &vigiev1.AlarmRaised{
		Signal: &vigiev1.Signal{Format: "SIA", Code: "BA", Class: vigiev1.EventClass_EVENT_CLASS_INTRUSION, Area: "1", Zone: strconv.Itoa(1 + h.rng.IntN(12))},
	}}})
}

func (h *History) panel(i int, token string) *vigiev1.Source {
	return &vigiev1.Source{Origin: &vigiev1.Source_Panel{Panel: &vigiev1.PanelSource{
		Receiver: "receiver-1", Boot: h.boot, Line: 1, Account: strconv.FormatInt(int64(0x10000000+i), 16), Path: 1,
		Transport: vigiev1.Transport_TRANSPORT_TCP, Sequence: uint32(h.injected.Records % 10_000), Token: token,
	}}}
}

func (h *History) event(i int, at int64, e *vigiev1.Event) {
	p := h.sites[i].partition
	count, of := &h.counters[p], p
	if e.GetHeartbeat() != nil { // counted apart: the other ids are the same in both forms
		count, of = &h.polls[p], -1-p
	}
	*count++
	id := ids.Event(h.boot, of, *count)
	e.Id, e.Site, e.ReceivedAtMs = id[:], number(i), at
	h.append(p, topics.SiteKey(number(i)), at, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: e}})
}

func (h *History) append(p int32, key []byte, at int64, r *vigiev1.LogRecord) {
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
	if err != nil {
		panic("supervision: a record of the history cannot be encoded: " + err.Error())
	}
	h.injected.Records++
	out := &kgo.Record{Topic: topics.Events, Partition: p, Key: key, Value: value, Timestamp: time.UnixMilli(at)}
	if key == nil {
		out.Headers = []kgo.RecordHeader{{Key: topics.HeaderKind, Value: []byte("beat")}}
	}
	h.step = append(h.step, out)
}

// end counts who is silent at the last tick.
func (h *History) end() {
	for i := range h.sites {
		if l := &h.sites[i]; l.lastHeard != 0 && l.lastHeard+l.interval() <= h.now {
			h.injected.Lost++
		}
	}
}
