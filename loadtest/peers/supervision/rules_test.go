package supervision

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/processor"
)

// axis is a history by hand, of one site; the same cases stand in the peer's
// SupervisorTest. Times are ms since start.
type axis struct {
	t       *testing.T
	engine  *processor.Replayer
	records int64
}

const oneSite = 4711

func newAxis(t *testing.T) *axis {
	a := &axis{t: t, engine: processor.NewReplayer(0, New())}
	a.beat(0)
	return a
}

func (a *axis) append(at int64, r *vigiev1.LogRecord) {
	a.t.Helper()
	value, err := proto.Marshal(r)
	if err != nil {
		a.t.Fatal(err)
	}
	if err := a.engine.Apply(&kgo.Record{Topic: topics.Events, Offset: a.records, Timestamp: time.UnixMilli(start + at), Value: value}); err != nil {
		a.t.Fatal(err)
	}
	a.records++
}

// beat also beats on the way, so that the supervision clock runs.
func (a *axis) beat(at int64, heard ...int64) {
	a.t.Helper()
	b := &vigiev1.Beat{Writer: "r", Boot: []byte("1"), Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "g", TMs: start + at, BaseMs: start}
	before := int64(0)
	for _, h := range heard {
		b.Site, b.ReceivedDeltaMs = append(b.Site, oneSite), append(b.ReceivedDeltaMs, h-before)
		before = h
	}
	a.append(at, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Beat{Beat: b}})
}

func (a *axis) beatTo(from, to int64) {
	for at := from; at < to; at += 1000 {
		a.beat(at)
	}
	a.beat(to)
}

func (a *axis) event(at int64, e *vigiev1.Event) {
	a.t.Helper()
	e.Site, e.ReceivedAtMs = oneSite, start+at
	a.append(at, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: e}})
}

func (a *axis) alarm(at int64) {
	a.t.Helper()
	a.event(at, &vigiev1.Event{Body: &vigiev1.Event_AlarmRaised{AlarmRaised: &vigiev1.AlarmRaised{}}})
}

// want compares what was detected since the last call.
func (a *axis) want(want ...string) {
	a.t.Helper()
	var got []string
	for _, r := range a.engine.Take() {
		d := &vigiev1.Detection{}
		if err := proto.Unmarshal(r.Value, d); err != nil {
			a.t.Fatal(err)
		}
		kind, status := strings.TrimPrefix(d.Kind.String(), "DETECTION_KIND_"), strings.TrimPrefix(d.Status.String(), "DETECTION_STATUS_")
		got = append(got, fmt.Sprintf("%s %s at %d, %d alarms", kind, status, d.AtMs-start, d.EvidenceCount))
	}
	if !slices.Equal(got, want) {
		a.t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestStormOpensAtTheTenthAlarmAndClosesWhenTwentyMinutesHeldFewerThanTwo(t *testing.T) {
	a := newAxis(t)
	for i := range int64(10) {
		a.alarm(i * 66_700)
	}
	a.want() // Ten within 600,300 ms.
	a.alarm(650_000)
	a.want("ALARM_STORM OPENED at 650000, 10 alarms")
	a.alarm(700_000)
	a.beat(1_849_999)
	a.want()
	a.beat(1_850_000)
	a.want("ALARM_STORM CLOSED at 1850000, 11 alarms")
	for i := range int64(9) {
		a.alarm(1_900_000 + i)
	}
	a.want() // Counted anew.
}

func TestSilenceIsConcludedByTheFirstTickPastTheInterval(t *testing.T) {
	a := newAxis(t)
	a.beat(250, 100, 200)
	a.beatTo(500, 180_199)
	a.want()
	a.beat(180_200)
	a.want("COMMUNICATION_LOST OPENED at 180200, 0 alarms")
	a.beatTo(180_500, 400_000)
	a.event(400_100, &vigiev1.Event{Body: &vigiev1.Event_Heartbeat{Heartbeat: &vigiev1.Heartbeat{}}})
	a.want("COMMUNICATION_LOST CLOSED at 400100, 0 alarms")
	a.beatTo(400_250, 580_000)
	a.beat(580_250, 580_090) // Came in time, though the tick is past the deadline.
	a.want()
}
