package archiver

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/wire"
)

// What is read of a body without reflection is what is read of it with.
func TestFactsOfWhatPanelsSayAreThoseOfAnyEvent(t *testing.T) {
	files, err := filepath.Glob("../../schemas/golden/*.bin")
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	var d wire.Decoder
	quick := 0
	for _, name := range files {
		value, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		l, err := d.Decode(value)
		if err != nil || l.GetEvent().GetBody() == nil {
			continue // a record of another topic
		}
		got, want := factsOf(l.GetEvent()), factsOfAny(l.GetEvent())
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", filepath.Base(name), got, want)
		}
		if strings.HasPrefix(want.kind, "alarm_") {
			quick++
		}
	}
	if quick < 3 {
		t.Errorf("only %d golden alarms", quick)
	}
}

// Rows that lie where those of an archived block lay hold nothing of it.
func TestABlockHoldsNothingOfTheOneBefore(t *testing.T) {
	var values [][]byte
	for _, kind := range []string{"alarm_raised", "armed", "beat", "tamper", "shift_started", "incident_closed"} {
		value, err := os.ReadFile("../../schemas/golden/" + kind + ".v1.bin")
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, value)
	}
	d := &reader{topic: topics.Events}
	before := newBlock(topics.Events)
	for i, value := range values {
		r := &kgo.Record{Value: value, Offset: int64(i), Timestamp: time.UnixMilli(noon)}
		decoded := d.read(r)
		before.take(r, decoded, 0, decoded.units-1)
	}
	if len(before.order) != 3 {
		t.Fatalf("%d tables, want events, beats and heartbeats", len(before.order))
	}
	events, polls := before.order[0].(*eventRows), before.order[2].(*heartbeatRows)
	before.free()
	l, err := d.decoder.Decode(values[0])
	if err != nil {
		t.Fatal(err)
	}
	events.add(place{}, l.GetEvent(), noon)
	polls.add(place{}, 1, 1, noon, "r1")
	for _, c := range append(events.columns(), polls.columns()...) {
		if n := reflect.ValueOf(c.Values).Len(); n != 1 {
			t.Errorf("column %s has %d values for one row", c.Name, n)
		}
	}
}
