package dc09

import "bytes"

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
	account, rest, at := splitAccount(data)
	digits := bytes.ReplaceAll(bytes.TrimSpace(rest), []byte(" "), nil)
	if len(digits) != 9 {
		return account, e, fault(ReasonBadSyntax, at, "%q is not QXYZ GG CCC", rest)
	}
	if !allHex(digits) {
		return account, e, fault(ReasonBadSyntax, at, "%q holds what is no digit of Contact ID", rest)
	}
	digits = bytes.ToUpper(digits)
	switch digits[0] {
	case CIDNew, CIDRestore, CIDStill:
	default:
		return account, e, fault(ReasonBadSyntax, at, "qualifier %q: 1, 3 or 6 is expected", digits[0])
	}
	e = CIDEvent{Qualifier: digits[0], Code: string(digits[1:4]), Area: string(digits[4:6]), Zone: string(digits[6:9])}
	return account, e, nil
}
