package wire

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// agree fails when the decoder and package proto do not say the same of a value.
func agree(t interface{ Fatalf(string, ...any) }, d *Decoder, value []byte) {
	want := &vigiev1.LogRecord{}
	wantErr := proto.Unmarshal(value, want)
	got, err := d.Decode(value)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%x: the decoder says %v, package proto %v", value, err, wantErr)
	}
	if err == nil && !proto.Equal(got, want) {
		t.Fatalf("%x:\ngot  %v\nwant %v", value, got, want)
	}
}

// fast says whether the decoder reads a value itself.
func fast(d *Decoder, value []byte) bool {
	c := cursor{rest: value}
	d.record(&c)
	return !c.odd
}

// One decoder reads everything one after the other, so that what a record leaves
// behind would show in the next.
func TestBothDecodersAgreeOnTheGoldenRecords(t *testing.T) {
	files, err := filepath.Glob("../golden/*.bin")
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	var d Decoder
	read := map[string]bool{}
	for range 2 {
		for _, name := range files {
			value, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			agree(t, &d, value)
			kind, _, _ := strings.Cut(filepath.Base(name), ".")
			read[kind] = fast(&d, value)
			for i := range value { // and what is left of one, or is no text any more
				agree(t, &d, value[:i])
				spoiled := slices.Clone(value)
				spoiled[i] = 0xff
				agree(t, &d, spoiled)
			}
		}
	}
	for _, kind := range []string{"beat", "heartbeat", "alarm_raised", "alarm_restored", "alarm_cancelled", "armed", "disarmed", "zone_inhibited", "fault_raised", "fault_restored", "tamper", "test_received"} {
		if !read[kind] {
			t.Errorf("%s is left to package proto", kind)
		}
	}
}

// Random messages: every field of today's, set or not; then bytes changed, fields
// doubled, put in another order, and of numbers that nobody knows.
func TestBothDecodersAgree(t *testing.T) {
	var d Decoder
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		for range 100 {
			m := &vigiev1.LogRecord{}
			fill(m.ProtoReflect(), rng, 0)
			value, err := proto.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			agree(t, &d, value)
			agree(t, &d, spoil(value, rng, 0))
		}
	})
}

// fill sets about half of the fields, panels' and beats' more often than others.
func fill(m protoreflect.Message, rng *rand.Rand, depth int) {
	fields := m.Descriptor().Fields()
	if oneofs := m.Descriptor().Oneofs(); oneofs.Len() > 0 {
		members := oneofs.Get(0).Fields()
		n := members.Len()
		if rng.IntN(4) > 0 {
			n = min(n, 14)
		}
		set(m, members.Get(rng.IntN(n)), rng, depth)
	}
	for i := range fields.Len() {
		if f := fields.Get(i); f.ContainingOneof() == nil && rng.IntN(2) == 0 {
			set(m, f, rng, depth)
		}
	}
}

func set(m protoreflect.Message, f protoreflect.FieldDescriptor, rng *rand.Rand, depth int) {
	switch {
	case depth > 6:
	case f.IsList():
		list := m.Mutable(f).List()
		for range rng.IntN(4) {
			if f.Message() != nil {
				fill(list.AppendMutable().Message(), rng, depth+1)
			} else {
				list.Append(scalar(f, rng))
			}
		}
	case f.Message() != nil:
		fill(m.Mutable(f).Message(), rng, depth+1)
	default:
		m.Set(f, scalar(f, rng))
	}
}

func scalar(f protoreflect.FieldDescriptor, rng *rand.Rand) protoreflect.Value {
	n := rng.Uint64() >> rng.IntN(64)
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(n%2 == 0)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(int32(n)))
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(strings.Repeat("é1", int(n%40)))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(make([]byte, n%20))
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(uint32(n))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind:
		return protoreflect.ValueOfInt32(int32(n))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind:
		return protoreflect.ValueOfInt64(int64(n))
	default:
		return protoreflect.ValueOfUint64(n)
	}
}

// spoil changes an encoded message, here or in a message inside it.
func spoil(value []byte, rng *rand.Rand, depth int) []byte {
	var fields [][]byte
	for rest := value; len(rest) > 0; {
		_, _, n := protowire.ConsumeField(rest)
		if n < 0 {
			return value
		}
		fields, rest = append(fields, rest[:n]), rest[n:]
	}
	if len(fields) == 0 {
		return protowire.AppendVarint(protowire.AppendTag(nil, protowire.Number(1+rng.IntN(700)), protowire.VarintType), rng.Uint64())
	}
	i := rng.IntN(len(fields))
	switch rng.IntN(6) {
	case 0:
		fields = append(fields, fields[i])
	case 1:
		j := rng.IntN(len(fields))
		fields[i], fields[j] = fields[j], fields[i]
	case 2:
		fields = append(fields, protowire.AppendVarint(protowire.AppendTag(nil, protowire.Number(1+rng.IntN(700)), protowire.VarintType), rng.Uint64()))
	case 3:
		flipped := append([]byte(nil), fields[i]...)
		flipped[rng.IntN(len(flipped))] ^= 1 << rng.IntN(8)
		fields[i] = flipped
	default:
		number, kind, n := protowire.ConsumeTag(fields[i])
		if kind == protowire.BytesType && depth < 6 {
			inner, _ := protowire.ConsumeBytes(fields[i][n:])
			fields[i] = protowire.AppendBytes(protowire.AppendTag(nil, number, kind), spoil(inner, rng, depth+1))
		}
	}
	return slices.Concat(fields...)
}

// FuzzDecode looks for bytes on which the two differ.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("../golden/*.bin")
	if err != nil || len(files) == 0 {
		f.Fatal(len(files), err)
	}
	for _, name := range files {
		value, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(value)
	}
	var d Decoder
	f.Fuzz(func(t *testing.T, value []byte) { agree(t, &d, value) })
}

// What panels say and beats cost no allocation once their strings are known.
func TestDecodingAllocatesNothing(t *testing.T) {
	for _, kind := range []string{"beat", "heartbeat", "alarm_raised", "armed"} {
		value, err := os.ReadFile("../golden/" + kind + ".v1.bin")
		if err != nil {
			t.Fatal(err)
		}
		var d Decoder
		if n := testing.AllocsPerRun(20, func() { _, _ = d.Decode(value) }); n != 0 {
			t.Errorf("%s: %v allocations", kind, n)
		}
	}
}
