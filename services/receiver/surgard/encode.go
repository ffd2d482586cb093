package surgard

import "bytes"

// Append writes a line with its DC4. The error is *Error, and dst is then returned
// as it was. Other is written as it came but for its first character, which is 0.
func Append(dst []byte, l Line) ([]byte, error) {
	line := appendLine(nil, l)
	read, err := Parse(line)
	switch {
	case err != nil:
		return dst, err
	case !equal(read, l):
		return dst, fault(BadBody, "what was written reads back as another line")
	}
	return append(append(dst, line...), DC4), nil
}

func appendLine(b []byte, l Line) []byte {
	head := func(sign byte) { b = append(append(append(b, sign), l.Receiver...), l.Card...) }
	switch l.Kind {
	case Heartbeat:
		if l.Receiver == "" {
			return append(b, '@')
		}
		head('1')
		b = append(b, "           @    "...)
	case ContactID:
		head('5')
		b = append(append(b, " 18"...), l.Account...)
		b = append(append(append(append(b, l.Qualifier), l.Code...), l.Area...), l.Zone...)
	case SIA:
		head('S')
		b = append(append(append(b, '['), l.Data...), ']')
	case Other:
		head('0')
		b = append(b, l.Data...)
	}
	return b
}

func equal(a, b Line) bool {
	data := bytes.Equal(a.Data, b.Data)
	a.Data, b.Data = nil, nil
	return data && a.Kind == b.Kind && a.Receiver == b.Receiver && a.Card == b.Card && a.Account == b.Account &&
		a.Qualifier == b.Qualifier && a.Code == b.Code && a.Area == b.Area && a.Zone == b.Zone
}
