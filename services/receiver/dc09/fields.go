package dc09

import "bytes"

// FieldKind is how the value of an extended field is written.
type FieldKind uint8

// The kinds.
const (
	FieldASCII FieldKind = iota
	// FieldText is for people: Windows-1252, or UTF-8 since the 2026 edition.
	FieldText
	// FieldHex is bytes in hexadecimal digits.
	FieldHex
	// FieldNumber is decimal digits.
	FieldNumber
	// FieldStamp is a time as in the frame's own stamp.
	FieldStamp
	// FieldJSON is a JSON text; it has no brackets of arrays, which would end the
	// field.
	FieldJSON
	// FieldChoice is one letter of a list.
	FieldChoice
)

// FieldInfo is what an extended field means.
type FieldInfo struct {
	Label byte
	Name  string
	Kind  FieldKind
}

// fields is the table of extended data. Source: siadc09 1.0.1, which cites the 2026
// edition, and pysiaalarm 3.2.2, which follows an older one. They differ in J, the
// network path (one digit) in the older, JSON in the newer, where the path is G.
// B and E are no fields of either; my-dc09-spt 0.2.2 writes the battery in B.
var fields = [...]FieldInfo{
	{'A', "Authentication Hash", FieldHex},
	{'C', "Supervision Category", FieldASCII},
	{'G', "Network Path", FieldNumber},
	{'H', "Time of Occurrence", FieldStamp},
	{'I', "Alarm Text", FieldText},
	{'J', "JSON Data, or Network Path", FieldJSON},
	{'K', "Encryption Key", FieldHex},
	{'L', "Location", FieldText},
	{'M', "MAC Address", FieldHex},
	{'N', "Network Address", FieldHex},
	{'O', "Building Name", FieldText},
	{'P', "Programming Data", FieldText},
	{'R', "Room", FieldText},
	{'S', "Site Name", FieldText},
	{'T', "Alarm Trigger", FieldChoice},
	{'V', "Verification", FieldText},
	{'X', "Longitude", FieldASCII},
	{'Y', "Latitude", FieldASCII},
	{'Z', "Altitude", FieldASCII},
}

// FieldMeaning tells what an extended field is; false for a label of no edition.
func FieldMeaning(label byte) (FieldInfo, bool) {
	for _, f := range fields {
		if f.Label == label {
			return f, true
		}
	}
	return FieldInfo{}, false
}

// NextField cuts the first field off extended data; false when none is left.
func NextField(extended []byte) (label byte, value, rest []byte, ok bool) {
	end := bytes.IndexByte(extended, ']')
	if end < 0 {
		return 0, nil, nil, false
	}
	if end < 2 {
		return 0, nil, extended[end+1:], true // [] has no label
	}
	return extended[1], extended[2:end], extended[end+1:], true
}

// Field returns the value of the first extended field with that label, A to Z.
func (f Frame) Field(label byte) ([]byte, bool) {
	for rest := f.Extended; len(rest) > 0; {
		at, value, after, ok := NextField(rest)
		if !ok {
			return nil, false
		}
		if at == label {
			return value, true
		}
		rest = after
	}
	return nil, false
}

// Path is the network path that the transmitter names in field G (a number), or
// in older editions in field J (one digit); 1, the primary path, when it names
// none between 1 and 15.
func (f Frame) Path() uint32 {
	if v, ok := f.Field('G'); ok && len(v) <= 2 {
		if n, ok := parseDecimal(v); ok && n >= 1 && n <= 15 {
			return n
		}
	}
	if v, ok := f.Field('J'); ok && len(v) == 1 && v[0] >= '1' && v[0] <= '9' {
		return uint32(v[0] - '0')
	}
	return 1
}

// OccurredAtMS is the time of occurrence that field H gives, Unix ms UTC.
func (f Frame) OccurredAtMS() (int64, bool) {
	v, ok := f.Field('H')
	if !ok {
		return 0, false
	}
	return ParseStamp(v)
}

// ExtendedWithoutPath is Extended without the fields that name the network path
// (G, and J of one digit): what stays equal when another path sends it again.
func (f Frame) ExtendedWithoutPath() []byte {
	var out []byte
	for rest := f.Extended; len(rest) > 0; {
		label, value, after, ok := NextField(rest)
		if !ok {
			return append(out, rest...)
		}
		field := rest[:len(rest)-len(after)]
		rest = after
		if label == 'G' || label == 'J' && len(value) == 1 {
			continue
		}
		out = append(out, field...)
	}
	return out
}

// AppendField appends an extended field to f.Extended: a label A to Z, and a
// value without brackets or line ends.
func AppendField(extended []byte, label byte, value string) []byte {
	extended = append(extended, '[', label)
	extended = append(extended, value...)
	return append(extended, ']')
}
