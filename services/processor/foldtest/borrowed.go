package foldtest

import (
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/processor"
)

// recordsAreBorrowed asks that a fold keeps nothing of the messages, slices and
// bytes of a panel's event or a beat: the engine writes the next one over them.
func recordsAreBorrowed(t *rapid.T, newFold func() processor.Fold, records []*kgo.Record) {
	want := fold(t, processor.NewReplayer(partition, newFold()), records)
	spoiled := func() processor.Fold { return spoiling{newFold()} }
	want.mustEqual(t, fold(t, processor.NewReplayer(partition, spoiled()), records))
}

// spoiling is a fold whose records are worth nothing once they were folded.
type spoiling struct{ processor.Fold }

func (f spoiling) Apply(ctx *processor.Context, r processor.Record) {
	lent := proto.CloneOf(r.Log)
	r.Log = lent
	f.Fold.Apply(ctx, r)
	if lent.GetBeat() != nil || ofAPanel(lent.GetEvent()) {
		spoil(lent.ProtoReflect())
	}
}

// ofAPanel says whether an event's body is one that panels send: 100 to 199.
func ofAPanel(e *vigiev1.Event) bool {
	m := e.ProtoReflect()
	body := m.WhichOneof(m.Descriptor().Oneofs().ByName("body"))
	return body != nil && body.Number() < 200
}

// spoil writes over all that hangs on a message.
func spoil(m protoreflect.Message) {
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.IsList():
			spoilList(field, v.List())
		case field.Message() != nil:
			spoil(v.Message())
		case field.Kind() == protoreflect.BytesKind:
			spoilBytes(v.Bytes())
		}
		return true
	})
	proto.Reset(m.Interface())
}

func spoilList(field protoreflect.FieldDescriptor, list protoreflect.List) {
	for i := range list.Len() {
		switch {
		case field.Message() != nil:
			spoil(list.Get(i).Message())
		case field.Kind() == protoreflect.BytesKind:
			spoilBytes(list.Get(i).Bytes())
		case field.Kind() == protoreflect.StringKind:
			list.Set(i, protoreflect.ValueOfString("spoiled"))
		case field.Kind() == protoreflect.Uint64Kind:
			list.Set(i, protoreflect.ValueOfUint64(1<<60))
		}
	}
}

func spoilBytes(b []byte) {
	for i := range b {
		b[i] = 0xee
	}
}
