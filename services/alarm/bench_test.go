package alarm

import (
	"encoding/binary"
	"runtime"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// stillEnv is an Env that does as little as an engine can.
type stillEnv struct{ w, s int64 }

func (e *stillEnv) W() int64                                 { return e.w }
func (e *stillEnv) S(string) int64                           { return e.s }
func (e *stillEnv) Listening() []Listening                   { return nil }
func (e *stillEnv) SAt(_ string, at int64) int64             { return min(e.s, at) }
func (e *stillEnv) Emit(string, []byte, proto.Message, bool) {}
func (e *stillEnv) Arm(Timer)                                {}

const benchSites = 100_000

func benchBeats() []*vigiev1.LogRecord {
	const perBeat = 1000
	var out []*vigiev1.LogRecord
	for from := 0; from < benchSites; from += perBeat {
		b := &vigiev1.Beat{Writer: "r", Group: "g", Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, BaseMs: axisStart}
		for i := range perBeat {
			// Sites come in no order of their numbers, as panels do.
			b.Site = append(b.Site, uint64((from+i)*7919%benchSites)+1)
			b.ReceivedDeltaMs = append(b.ReceivedDeltaMs, 0)
		}
		out = append(out, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Beat{Beat: b}})
	}
	return out
}

// BenchmarkHeartbeats: 100,000 sites, 1,000 heartbeats a beat, steady. One op is
// one beat; beside it the write that any implementation must do.
func BenchmarkHeartbeats(b *testing.B) {
	b.Run("fold", func(b *testing.B) {
		f, env, beats := NewFold(), &stillEnv{w: axisStart, s: axisStart}, benchBeats()
		for _, r := range beats {
			f.Apply(env, 0, 0, r)
		}
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			f.Apply(env, 0, 0, beats[i%len(beats)])
			i++
		}
		b.ReportMetric(float64(i)*1000/b.Elapsed().Seconds(), "heartbeats/s")
		if f.Counts().Sites != benchSites {
			b.Fatalf("%d sites", f.Counts().Sites)
		}
	})
	b.Run("bare-array", func(b *testing.B) {
		last, beats := make([]int64, benchSites+1), benchBeats()
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			beat := beats[i%len(beats)].GetBeat()
			at := beat.GetBaseMs()
			for k, site := range beat.GetSite() {
				at += beat.GetReceivedDeltaMs()[k]
				last[site] = at
			}
			i++
		}
		b.ReportMetric(float64(i)*1000/b.Elapsed().Seconds(), "heartbeats/s")
	})
}

// BenchmarkAlarms: one op is an alarm and its restore on one of 1,000 sites.
func BenchmarkAlarms(b *testing.B) {
	f, env := NewFold(), &stillEnv{w: axisStart, s: axisStart}
	b.ReportAllocs()
	i := uint64(0)
	for b.Loop() {
		i++
		for k, body := range []*vigiev1.Event{alarmBody(intrusion, "", "1"), restoreBody(intrusion, "", "1")} {
			n := i*2 + uint64(k)
			body.Id = []byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}
			body.Fingerprint, body.Site, body.ReceivedAtMs = body.Id, i%1000+1, axisStart+int64(n)
			f.Apply(env, 0, 0, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: body}})
		}
	}
}

// mixedSites live a day after another: each closes, sends its test and opens; one in
// ten has an alarm that is restored.
const mixedSites = 10_000

// mixed are the events of such days, one of each kind, dated anew for each site: as
// from the decoder, they are in the cache when they are folded.
type mixed struct {
	kinds         [5]*vigiev1.LogRecord
	day, kind, at uint64
}

func newMixed() *mixed {
	user := &vigiev1.Signal{User: "3"}
	m := &mixed{day: 1}
	for k, ev := range []*vigiev1.Event{
		{Body: &vigiev1.Event_Armed{Armed: &vigiev1.Armed{Mode: vigiev1.AreaMode_AREA_MODE_ARMED_FULL, Signal: user}}},
		{Body: &vigiev1.Event_TestReceived{TestReceived: &vigiev1.TestReceived{Periodic: true}}},
		alarmBody(intrusion, "", "1"),
		restoreBody(intrusion, "", "1"),
		{Body: &vigiev1.Event_Disarmed{Disarmed: &vigiev1.Disarmed{Signal: user}}},
	} {
		ev.Id = make([]byte, 16)
		ev.Fingerprint = ev.Id
		ev.Source = &vigiev1.Source{Origin: &vigiev1.Source_Panel{Panel: &vigiev1.PanelSource{Account: "1234", Path: 1}}}
		m.kinds[k] = &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: ev}}
	}
	return m
}

// next is the next event of the day, and the midnight before it.
func (m *mixed) next() (*vigiev1.LogRecord, int64) {
	if (m.kind == 2 || m.kind == 3) && m.at == 0 {
		m.at = (10 - m.day%10) % 10
	}
	rec, n := m.kinds[m.kind], (m.day*8+m.kind)*mixedSites+m.at
	ev, midnight := rec.GetEvent(), axisStart+int64(m.day)*day
	binary.BigEndian.PutUint64(ev.Id[8:], n)
	ev.Site, ev.ReceivedAtMs = m.at*7919%mixedSites+1, midnight+int64(m.kind)*4*hour
	ev.GetSource().GetPanel().Sequence = uint32(n%9999) + 1
	m.at++
	if m.kind == 2 || m.kind == 3 {
		m.at += 9
	}
	if m.at >= mixedSites {
		m.at, m.kind = 0, (m.kind+1)%5
		if m.kind == 0 {
			m.day++
		}
	}
	return rec, midnight
}

// cpuTime of the process, its collector included.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkMixed: one op is one event of such days, of sites of which only the account
// is known or that were declared. On a machine that others use the CPU time tells more
// than the clock.
func BenchmarkMixed(b *testing.B) {
	for _, known := range []string{"undeclared", "declared"} {
		b.Run(known, func(b *testing.B) {
			f, env, events := NewFold(), &stillEnv{w: axisStart, s: axisStart}, newMixed()
			if known == "declared" {
				declareMixed(f, env)
			}
			b.ReportAllocs()
			began := cpuTime(b)
			for b.Loop() {
				rec, midnight := events.next()
				env.w, env.s = midnight, midnight
				f.Apply(env, 0, 0, rec)
			}
			b.ReportMetric(float64((cpuTime(b)-began).Nanoseconds())/float64(b.N), "cpu-ns/event")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

func declareMixed(f *Fold, env Env) {
	d := &vigiev1.SiteDeclared{
		Label: "Boulangerie du Port", SiteClass: "shop", TimeZone: "Europe/Paris", Groups: []string{"chain"}, Region: "bretagne", Installer: "i-17", Carrier: "c",
		Paths: []*vigiev1.PathDeclared{{Path: 1, Name: "IP", IntervalMs: 90 * second, ReceiverGroup: "g"}, {Path: 2, Name: "4G", IntervalMs: hour, ReceiverGroup: "g"}},
		Zones: []*vigiev1.ZoneDeclared{{Zone: "1", Label: "Réserve", Technology: "pir"}, {Zone: "2", Label: "Porte", EntryRoute: true}},
	}
	for i := range uint64(mixedSites) {
		ev := &vigiev1.Event{
			Id: binary.BigEndian.AppendUint64(make([]byte, 8), i+1), Site: i + 1, ReceivedAtMs: axisStart,
			Source: &vigiev1.Source{Origin: &vigiev1.Source_User{User: &vigiev1.UserSource{User: "alice"}}}, Body: &vigiev1.Event_SiteDeclared{SiteDeclared: d},
		}
		f.Apply(env, 0, 0, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: ev}})
	}
}

// TestASteadyHeartbeatAllocatesNothing and a site of heartbeats is small.
func TestASteadyHeartbeatAllocatesNothing(t *testing.T) {
	f, env, beats := NewFold(), &stillEnv{w: axisStart, s: axisStart}, benchBeats()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for _, r := range beats {
		f.Apply(env, 0, 0, r)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if perSite := float64(after.HeapAlloc-before.HeapAlloc) / benchSites; perSite > 300 {
		t.Errorf("a site with heartbeats only takes %.0f B, more than 300", perSite)
	} else {
		t.Logf("a site with heartbeats only takes %.0f B", perSite)
	}
	if n := testing.AllocsPerRun(20, func() { f.Apply(env, 0, 0, beats[3]) }); n != 0 {
		t.Errorf("%v allocations for 1,000 steady heartbeats", n)
	}
	runtime.KeepAlive(f)
}
