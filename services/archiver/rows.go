package archiver

import (
	"strconv"
	"strings"
	"sync"

	"github.com/google/uuid"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/open-vigie/vigie/services/warehouse"
)

// table holds the rows of one block for one table, in columns.
type table interface {
	name() string
	rows() int
	columns() []warehouse.Column
}

// place is where a row came from.
type place struct {
	partition int32
	offset    int64
	index     uint32
}

// places are the columns that each table begins with.
type places struct {
	partition []uint16
	offset    []uint64
	index     []uint32
}

func (p *places) add(at place) {
	p.partition = append(p.partition, uint16(at.partition))
	p.offset = append(p.offset, uint64(at.offset))
	p.index = append(p.index, at.index)
}

func (p *places) emptied() places {
	return places{p.partition[:0], p.offset[:0], p.index[:0]}
}

func (p *places) rows() int { return len(p.offset) }

func (p *places) columns() []warehouse.Column {
	return []warehouse.Column{
		{Name: "kafka_partition", Type: "UInt16", Values: p.partition},
		{Name: "kafka_offset", Type: "UInt64", Values: p.offset},
		{Name: "kafka_index", Type: "UInt32", Values: p.index},
	}
}

// subjects are the columns of tables about sites and events.
type subjects struct {
	places
	event    []uuid.UUID
	site     []uint64
	received []int64
}

func (s *subjects) add(at place, event []byte, site uint64, receivedMS int64) {
	s.places.add(at)
	s.event = append(s.event, id(event))
	s.site = append(s.site, site)
	s.received = append(s.received, ms(receivedMS))
}

func (s *subjects) emptied() subjects {
	return subjects{s.places.emptied(), s.event[:0], s.site[:0], s.received[:0]}
}

func (s *subjects) columns() []warehouse.Column {
	return append(s.places.columns(),
		warehouse.Column{Name: "event_id", Type: "UUID", Values: s.event},
		warehouse.Column{Name: "site", Type: "UInt64", Values: s.site},
		at("received_at", s.received))
}

const (
	typeTime       = "DateTime64(3, 'UTC')"
	typeName       = "LowCardinality(String)"
	typeNames      = "Array(LowCardinality(String))"
	typeIDs        = "Array(UUID)"
	typeText       = "String"
	typeTexts      = "Array(String)"
	lastRepresents = 4_102_444_800_000 // 2100-01-01: a date beyond it is a broken clock
)

func at(name string, values []int64) warehouse.Column {
	return warehouse.Column{Name: name, Type: typeTime, Values: values}
}

func word(name string, values []string) warehouse.Column {
	return warehouse.Column{Name: name, Type: typeName, Values: values}
}

func text(name string, values []string) warehouse.Column {
	return warehouse.Column{Name: name, Type: typeText, Values: values}
}

func truth(name string, values []bool) warehouse.Column {
	return warehouse.Column{Name: name, Type: "Bool", Values: values}
}

// id shows the 16 bytes of an id as a UUID; another length gives the zero UUID.
func id(b []byte) uuid.UUID {
	if len(b) != len(uuid.UUID{}) {
		return uuid.Nil
	}
	return uuid.UUID(b)
}

func uuids(list [][]byte) []uuid.UUID {
	out := make([]uuid.UUID, len(list))
	for i, b := range list {
		out[i] = id(b)
	}
	return out
}

// ms keeps a time within what the columns can hold: a panel's clock may lie.
func ms(t int64) int64 { return min(max(t, 0), lastRepresents) }

func u8(v uint32) uint8 { return uint8(min(v, 255)) }

func u16(v uint32) uint16 { return uint16(min(v, 65535)) }

// enumNames are the names that enum has found: few, and asked for with every row.
var enumNames sync.Map

type enumKey struct {
	kind   protoreflect.EnumDescriptor
	number protoreflect.EnumNumber
}

// enum is the name of a value without its type's prefix: "hold_up"; "" for the
// unspecified one, the number for one that this program does not know.
func enum(v protoreflect.Enum) string {
	if v.Number() == 0 {
		return ""
	}
	d := v.Descriptor()
	key := enumKey{d, v.Number()}
	if name, ok := enumNames.Load(key); ok {
		return name.(string)
	}
	value := d.Values().ByNumber(v.Number())
	if value == nil {
		return strconv.Itoa(int(v.Number()))
	}
	zero := string(d.Values().ByNumber(0).Name())
	name := strings.ToLower(strings.TrimPrefix(string(value.Name()), strings.TrimSuffix(zero, "UNSPECIFIED")))
	enumNames.Store(key, name)
	return name
}
