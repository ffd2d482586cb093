package dc09

// CIDEvent is one Contact ID event (DC-05).
type CIDEvent struct {
	// Qualifier: '1' new event or opening, '3' restoral or closing, '6' still
	// present.
	Qualifier byte
	// Code is three digits (0 to 9, B to F), Area two ("00": none), Zone three,
	// the zone or the user ("000": none).
	Code string
	Area string
	Zone string
}

// Contact ID's qualifiers.
const (
	CIDNew     = '1'
	CIDRestore = '3'
	CIDStill   = '6'
)

// ParseCID reads the data field of an ADM-CID frame, with or without spaces.
// account is the one inside the data; "" when absent. The error is *Error.
func ParseCID(data []byte) (account string, e CIDEvent, err error) {
	text := string(data)
	account, at := splitAccount(text)
	var digits [9]byte
	n := 0
	for _, c := range data[at:] {
		switch {
		case c == ' ':
			continue
		case !isHex(c):
			return account, e, fault(ReasonBadSyntax, at, "%q holds what is no digit of Contact ID", data[at:])
		case n == len(digits):
			return account, e, fault(ReasonBadSyntax, at, "%q is longer than QXYZ GG CCC", data[at:])
		case c >= 'a':
			c -= 'a' - 'A'
		}
		digits[n] = c
		n++
	}
	if n < len(digits) {
		return account, e, fault(ReasonBadSyntax, at, "%q is not QXYZ GG CCC", data[at:])
	}
	switch digits[0] {
	case CIDNew, CIDRestore, CIDStill:
	default:
		return account, e, fault(ReasonBadSyntax, at, "qualifier %q: 1, 3 or 6 is expected", digits[0])
	}
	all := string(digits[:])
	return account, CIDEvent{Qualifier: all[0], Code: all[1:4], Area: all[4:6], Zone: all[6:]}, nil
}
