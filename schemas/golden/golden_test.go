// Package golden keeps wire bytes of every event and output type, and decodes
// them for ever: a log is read for as long as it is kept.
package golden

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

var update = flag.Bool("update", false, "write the golden files that are missing; what stands is never changed")

// sample is one golden pair: its name and how to make the message.
type sample struct {
	name string
	make func() proto.Message
}

// samples are all that the contract knows today, in order.
func samples() []sample {
	var out []sample
	bodies := (&vigiev1.Event{}).ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
	for i := range bodies.Len() {
		body := bodies.Get(i)
		out = append(out, sample{string(body.Name()), func() proto.Message { return eventRecord(body) }})
	}
	record := (&vigiev1.LogRecord{}).ProtoReflect().Descriptor().Oneofs().ByName("record").Fields()
	for i := range record.Len() {
		switch kind := record.Get(i); kind.Name() {
		case "event": // One for each body, above.
		case "broadcast":
			decisions := (&vigiev1.Broadcast{}).ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
			for k := range decisions.Len() {
				decision := decisions.Get(k)
				out = append(out, sample{"broadcast_" + string(decision.Name()), func() proto.Message { return logRecord(kind, decision) }})
			}
		default:
			out = append(out, sample{string(kind.Name()), func() proto.Message { return logRecord(kind) }})
		}
	}
	for _, output := range []struct {
		name  string
		empty proto.Message
	}{
		{"site_state", &vigiev1.SiteState{}}, {"detection", &vigiev1.Detection{}}, {"incident", &vigiev1.Incident{}},
		{"event_outcome", &vigiev1.EventOutcome{}}, {"directory_record", &vigiev1.DirectoryRecord{}},
		{"account_binding", &vigiev1.AccountBinding{}}, {"progress", &vigiev1.Progress{}}, {"rejected", &vigiev1.Rejected{}},
		{"snapshot", &vigiev1.Snapshot{}},
	} {
		out = append(out, sample{output.name, func() proto.Message {
			m := proto.Clone(output.empty)
			fill(m.ProtoReflect(), nil)
			return m
		}})
	}
	return out
}

func TestGolden(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			if *update {
				write(t, s)
			}
			check(t, s)
		})
	}
}

// Files of types that the contract no longer names would never be decoded again.
func TestEveryFileHasItsType(t *testing.T) {
	known := map[string]bool{}
	for _, s := range samples() {
		known[s.name] = true
	}
	files, err := fs.Glob(os.DirFS("."), "*.v*.*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name, _, _ := strings.Cut(f, "."); !known[name] {
			t.Errorf("%s is of a type that the contract does not have any more: old logs hold it", f)
		}
	}
}

func check(t *testing.T, s sample) {
	t.Helper()
	wire, err := os.ReadFile(s.name + ".v1.bin")
	if err != nil {
		t.Fatalf("%s has no golden bytes (%v): go test ./schemas/golden -args -update", s.name, err)
	}
	text, err := os.ReadFile(s.name + ".v1.json")
	if err != nil {
		t.Fatal(err)
	}
	got := s.make().ProtoReflect().New().Interface()
	if err := proto.Unmarshal(wire, got); err != nil {
		t.Fatalf("decoding: %v", err)
	}
	if where := unknownIn(got.ProtoReflect()); where != "" {
		t.Errorf("%s holds a field that the contract does not know any more", where)
	}
	want := got.ProtoReflect().New().Interface()
	if err := protojson.Unmarshal(text, want); err != nil {
		t.Fatalf("decoding JSON: %v", err)
	}
	if !proto.Equal(got, want) {
		t.Errorf("the bytes and the JSON differ:\n%v\n%v", got, want)
	}
	again, err := proto.MarshalOptions{Deterministic: true}.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again, wire) {
		t.Error("encoded again, the bytes differ: outputs would no longer be equal to those of an earlier release")
	}
}

// unknownIn names the first message in m that holds a field nobody knows.
func unknownIn(m protoreflect.Message) string {
	if len(m.GetUnknown()) > 0 {
		return string(m.Descriptor().Name())
	}
	where := ""
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				where += unknownIn(v.List().Get(i).Message())
			}
		default:
			where += unknownIn(v.Message())
		}
		return where == ""
	})
	return where
}

// write makes the pair where it is missing.
func write(t *testing.T, s sample) {
	t.Helper()
	if _, err := os.Stat(s.name + ".v1.bin"); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	m := s.make()
	wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := json.Indent(&text, compact, "", "  "); err != nil {
		t.Fatal(err)
	}
	text.WriteByte('\n')
	for name, content := range map[string][]byte{s.name + ".v1.bin": wire, s.name + ".v1.json": text.Bytes()} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// eventRecord is a log record of an event with this body and its usual source.
func eventRecord(body protoreflect.FieldDescriptor) proto.Message {
	source := "user"
	switch {
	case body.Number() < 200:
		source = "panel"
	case body.Number() >= 500:
		source = "system"
	}
	m := &vigiev1.LogRecord{}
	fill(m.ProtoReflect(), map[string]string{"LogRecord.record": "event", "Event.body": string(body.Name()), "Source.origin": source})
	return m
}

func logRecord(kind protoreflect.FieldDescriptor, decision ...protoreflect.FieldDescriptor) proto.Message {
	choose := map[string]string{"LogRecord.record": string(kind.Name())}
	for _, d := range decision {
		choose["Broadcast.body"] = string(d.Name())
	}
	m := &vigiev1.LogRecord{}
	fill(m.ProtoReflect(), choose)
	return m
}

// fill gives every field a plausible value; choose names the field of each oneof.
func fill(m protoreflect.Message, choose map[string]string) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if one := f.ContainingOneof(); one != nil && choose[string(m.Descriptor().Name())+"."+string(one.Name())] != string(f.Name()) {
			continue
		}
		if !f.IsList() {
			m.Set(f, value(m.NewField(f), f, choose, 0))
			continue
		}
		list := m.NewField(f).List()
		for k := range 2 {
			var empty protoreflect.Value
			if f.Message() != nil {
				empty = list.NewElement()
			}
			list.Append(value(empty, f, choose, k))
		}
		m.Set(f, protoreflect.ValueOfList(list))
	}
}

// at is the moment around which all samples take place: 2026-11-23 08:00 UTC.
const at = 1_795_420_800_000

func value(empty protoreflect.Value, f protoreflect.FieldDescriptor, choose map[string]string, k int) protoreflect.Value {
	name := string(f.Name())
	switch f.Kind() {
	case protoreflect.MessageKind:
		fill(empty.Message(), choose)
		return empty
	case protoreflect.EnumKind:
		values := f.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get(min(1+k, values.Len()-1)).Number())
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(word(name, k))
	case protoreflect.BytesKind:
		sum := sha256.Sum256([]byte(f.FullName() + protoreflect.FullName(rune('0'+k))))
		return protoreflect.ValueOfBytes(sum[:length(name)])
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(uint32(number(name, f, k)))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(uint64(number(name, f, k)))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(number(name, f, k)))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind:
		return protoreflect.ValueOfInt64(number(name, f, k))
	}
	panic("no value for " + string(f.FullName()) + " of kind " + f.Kind().String())
}

func length(name string) int {
	switch name {
	case "nonce":
		return 12
	case "sha256", "content_hash", "chain_hash", "ciphertext":
		return 32
	}
	return 16
}

func word(name string, k int) string {
	words := map[string][]string{
		"incident": {"4711-60RK4CSM6MV3E"}, "account": {"1234AB"}, "account_as_sent": {"1234ab"},
		"area": {"1"}, "areas": {"1", "2"}, "zone": {"12"}, "zones": {"12", "13"}, "time_zone": {"Europe/Paris"},
		"site_class": {"shop", "home"}, "class_group": {"life", "intrusion"}, "day": {"2026-12-25"},
		"format": {"SIA"}, "code": {"BA"}, "token": {"SIA-DCS"}, "receiver": {"local"}, "writer": {"local"},
		"group": {"main"}, "label": {"Dépôt de Lyon"}, "user": {"alice"}, "to_user": {"bob"}, "holder": {"alice"},
		"key_id": {"site/4711"}, "risk": {"high"}, "reason": {"already-claimed"}, "close_reason": {"restored"},
	}
	if list, ok := words[name]; ok {
		return list[k%len(list)]
	}
	return strings.ReplaceAll(name, "_", "-") + "-" + string(rune('1'+k))
}

func number(name string, f protoreflect.FieldDescriptor, k int) int64 {
	switch {
	case name == "site" || name == "to_site":
		return 4711 + int64(k)
	case strings.HasSuffix(name, "_delta_ms"):
		return int64(k) * 17
	case strings.HasSuffix(name, "_at_ms") || name == "at_ms" || name == "t_ms" || name == "base_ms" || name == "from_ms" || name == "since_ms":
		return at
	case name == "to_ms" || name == "until_ms":
		return at + 7*24*3_600_000
	case strings.HasSuffix(name, "_ms"):
		return 90_000
	case name == "weekday" || name == "path" || name == "version":
		return 1 + int64(k)
	case name == "open_minute":
		return 480
	case name == "close_minute":
		return 1140
	}
	return int64(f.Number()) + int64(k)
}
