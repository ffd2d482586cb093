package appender

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// What is written by hand around an event reads as the schema has it.
func TestEnvelopeWrittenByHandIsTheSchemas(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		event := &vigiev1.Event{
			Site: rapid.Uint64Range(1, 1<<53-1).Draw(rt, "site"), OccurredAtMs: rapid.Int64().Draw(rt, "occurred at"),
			Raw:  &vigiev1.Sealed{Ciphertext: rapid.SliceOf(rapid.Byte()).Draw(rt, "raw")},
			Body: &vigiev1.Event_Tamper{Tamper: &vigiev1.Tamper{Restored: true}},
		}
		encoded, err := proto.Marshal(event)
		if err != nil {
			rt.Fatal(err)
		}
		var id ids.ID
		copy(id[:], rapid.SliceOfN(rapid.Byte(), ids.Size, ids.Size).Draw(rt, "id"))
		at := rapid.Int64Range(0, 1<<53).Draw(rt, "received at")
		value := appendRecord(nil, id, at, encoded)
		if frame := len(value) - len(encoded); frame > recordFrame {
			rt.Fatalf("%d bytes around the event, at most %d are counted on", frame, recordFrame)
		}
		var got vigiev1.LogRecord
		if err := proto.Unmarshal(value, &got); err != nil {
			rt.Fatal(err)
		}
		event.Id, event.ReceivedAtMs = id[:], at
		want := &vigiev1.LogRecord{Version: logVersion, Record: &vigiev1.LogRecord_Event{Event: event}}
		if !proto.Equal(&got, want) {
			rt.Fatalf("got %v, want %v", &got, want)
		}
	})
}
