package alarm

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// declared is what public states show of a declaration. It is read out of the encoded
// one, of which a state needs little: to decode all of it for each event was as much
// as all the rules.
type declared struct {
	label, timeZone string
	groups          []string
	paths           []declaredPath
}

type declaredPath struct {
	number uint32
	name   string
}

// Numbers of the fields read, in SiteDeclared and PathDeclared.
const (
	fieldLabel    protowire.Number = 1
	fieldTimeZone protowire.Number = 3
	fieldPaths    protowire.Number = 4
	fieldGroups   protowire.Number = 7

	fieldPathNumber protowire.Number = 1
	fieldPathName   protowire.Number = 2
)

// read takes the place of what d was, in its memory.
func (d *declared) read(encoded []byte) {
	*d = declared{groups: d.groups[:0], paths: d.paths[:0]}
	eachField(encoded, func(field protowire.Number, _ uint64, value []byte) {
		switch field {
		case fieldLabel:
			d.label = string(value)
		case fieldTimeZone:
			d.timeZone = string(value)
		case fieldGroups:
			d.groups = append(d.groups, string(value))
		case fieldPaths:
			d.path(value)
		}
	})
}

func (d *declared) path(encoded []byte) {
	var p declaredPath
	eachField(encoded, func(field protowire.Number, number uint64, value []byte) {
		switch field {
		case fieldPathNumber:
			p.number = uint32(number)
		case fieldPathName:
			p.name = string(value)
		}
	})
	d.paths = append(d.paths, p)
}

// eachField walks over the fields of a message that was encoded here: numbers, and
// what has a length.
func eachField(encoded []byte, do func(field protowire.Number, number uint64, value []byte)) {
	for len(encoded) > 0 {
		field, kind, n := protowire.ConsumeTag(encoded)
		encoded = encoded[max(n, 0):]
		var number uint64
		var value []byte
		switch {
		case n < 0:
		case kind == protowire.VarintType:
			number, n = protowire.ConsumeVarint(encoded)
		case kind == protowire.BytesType:
			value, n = protowire.ConsumeBytes(encoded)
		default:
			n = protowire.ConsumeFieldValue(field, kind, encoded)
		}
		if n < 0 {
			panic(fmt.Sprintf("alarm: a declaration that was encoded here cannot be decoded: %v", protowire.ParseError(n)))
		}
		encoded = encoded[n:]
		do(field, number, value)
	}
}
