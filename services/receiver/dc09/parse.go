package dc09

import "bytes"

// errEncrypted is one for all, so that a receiver's encrypted frames cost nothing.
var errEncrypted = &Error{Reason: ReasonEncrypted, Detail: "the frame is encrypted and no key is set up for it"}

// Parse reads one frame, with or without its LF and CR. The error is *Error. An
// encrypted frame gives its clear header and ReasonEncrypted; Decrypt does the rest.
func Parse(raw []byte, opt Options) (Frame, error) {
	f, account, err := Scan(raw, opt)
	f.Account = string(account)
	return f, err
}

// Scan is Parse without an allocation: it leaves f.Account empty and returns the
// account as bytes of raw, nil when absent. Only a token that is none of the
// standard's, and an error other than ReasonEncrypted, allocate.
func Scan(raw []byte, opt Options) (f Frame, account []byte, err error) {
	at := 0
	if len(raw) > 0 && raw[0] == '\n' {
		at = 1
	}
	end := len(raw)
	if end > at && raw[end-1] == '\r' {
		end--
	}
	body, ferr := checkEnvelope(raw[:end], at, opt)
	if ferr != nil {
		return Frame{}, nil, ferr
	}
	f.BinaryCRC = body == at+len("CC0LLL")
	if account, ferr = parseBody(&f, raw[:end], body); ferr != nil {
		return f, account, ferr
	}
	return f, account, nil
}

// checkEnvelope verifies CRC and length, and returns where the body starts.
func checkEnvelope(raw []byte, at int, opt Options) (int, *Error) {
	crcLen, ok := envelope(raw[at:], opt.BinaryCRC)
	if !ok {
		return 0, fault(ReasonBadSyntax, at, "no CRC, length and quote at the start")
	}
	length, body := raw[at+crcLen:at+crcLen+4], raw[at+crcLen+4:]
	if ok, hint := lengthMatches(length, len(body), opt); !ok {
		return 0, fault(ReasonBadLength, at+crcLen, "the length says %q, the body has %#03x = %d bytes%s", length, len(body), len(body), hint)
	}
	got := uint16(raw[at])<<8 | uint16(raw[at+1])
	if crcLen == 4 {
		v, _ := parseHex(raw[at : at+4])
		got = uint16(v)
	}
	want, hint := CRC(body), ""
	if got == want {
		return at + crcLen + 4, nil
	}
	if got == crcAnd(want, '\r') {
		if opt.CountsEnd {
			return at + crcLen + 4, nil
		}
		hint = hintCountsEnd
	}
	return 0, fault(ReasonBadCRC, at, "the CRC says %04X, the body gives %04X%s", got, want, hint)
}

// What a panel does whose frame would fit with an option: for who looks into why it
// gets no answer.
const (
	hintCountsEnd = "; it fits where the line end is counted in (CountsEnd)"
	hintDecimal   = "; it fits in decimal (DecimalLength)"
)

// envelope tells whether bytes start like a frame after its LF, and how many
// bytes the CRC has.
func envelope(b []byte, binary bool) (crcLen int, ok bool) {
	if len(b) >= 9 && b[8] == '"' && allHex(b[:8]) {
		return 4, true
	}
	if binary && len(b) >= 7 && b[6] == '"' && allHex(b[2:6]) {
		return 2, true
	}
	return 0, false
}

func lengthMatches(field []byte, n int, opt Options) (ok bool, hint string) {
	hex, isHex := parseHex(field)
	decimal, isDecimal := parseDecimal(field)
	switch {
	case isHex && int(hex) == n:
		return true, ""
	case isDecimal && int(decimal) == n:
		return opt.DecimalLength, hintDecimal
	case isHex && (int(hex) == n+len("\r") || int(hex) == n+len("\n\r")):
		return opt.CountsEnd, hintCountsEnd
	}
	return false, ""
}

// parseBody reads from the first quote on; raw has no CR any more.
func parseBody(f *Frame, raw []byte, at int) (account []byte, ferr *Error) {
	quote := bytes.IndexByte(raw[at+1:], '"')
	if quote <= 0 || quote > maxToken {
		return nil, fault(ReasonBadSyntax, at, "the token between quotes is missing or longer than %d", maxToken)
	}
	token := raw[at+1 : at+1+quote]
	if f.Encrypted = token[0] == '*'; f.Encrypted {
		token = token[1:]
	}
	f.Token = knownToken(token)
	at += quote + 2
	if len(raw) < at+4 {
		return nil, fault(ReasonBadSyntax, at, "the sequence number is cut short")
	}
	seq, ok := parseDecimal(raw[at : at+4])
	if !ok {
		return nil, fault(ReasonBadSyntax, at, "the sequence number %q is not four digits", raw[at:at+4])
	}
	f.Sequence = seq
	account, at, ferr = parseAddress(f, raw, at+4)
	if ferr != nil {
		return account, ferr
	}
	if f.Encrypted {
		f.Data = raw[at+1:]
		return account, errEncrypted
	}
	return account, parseFields(f, raw, at)
}

// parseAddress reads receiver, line and account up to the first bracket.
func parseAddress(f *Frame, raw []byte, at int) (account []byte, next int, ferr *Error) {
	if at, ferr = parseNumbers(f, raw, at); ferr != nil {
		return nil, at, ferr
	}
	if at < len(raw) && raw[at] == '#' {
		end := at + 1
		for end < len(raw) && isAlnum(raw[end]) {
			end++
		}
		if n := end - at - 1; n == 0 || n > maxAccount {
			return nil, at, fault(ReasonBadSyntax, at, "an account of %d characters, 1 to %d are expected", n, maxAccount)
		}
		account = raw[at+1 : end]
		at = end
	}
	if at >= len(raw) || raw[at] != '[' {
		return account, at, fault(ReasonBadSyntax, at, "the bracket of the data is missing")
	}
	return account, at, nil
}

// parseNumbers reads receiver and line. The standard has them in that order; pysiaalarm
// answers L0R0A0 to what it cannot read, and writes "None" for one that a request had not.
func parseNumbers(f *Frame, raw []byte, at int) (next int, ferr *Error) {
	for range 2 {
		if rest := raw[at:]; IsAnswer(f.Token) && bytes.HasPrefix(rest, []byte("None")) {
			at += len("None")
		}
		number := &f.Line
		switch {
		case at < len(raw) && raw[at] == 'R':
			number, f.HasReceiver = &f.Receiver, true
			*number, at, ferr = parseNumber(raw, at+1, "receiver")
		case at < len(raw) && raw[at] == 'L':
			*number, at, ferr = parseNumber(raw, at+1, "line")
		default:
			return at, nil
		}
		if ferr != nil {
			return at, ferr
		}
		// Most receivers say R0L0A0 in a NAK, which reads as one long number.
		if f.Token == TokenNak && bytes.HasPrefix(raw[at-2:], []byte("A0[")) {
			*number >>= 8
		}
	}
	return at, nil
}

// parseNumber reads hexadecimal digits; none, as some panels send, are 0.
func parseNumber(raw []byte, at int, what string) (uint32, int, *Error) {
	end := at
	for end < len(raw) && isHex(raw[end]) {
		end++
	}
	if end == at {
		return 0, at, nil
	}
	v, ok := parseHex(raw[at:end])
	if !ok || end-at > maxNumber {
		return 0, at, fault(ReasonBadSyntax, at, "the %s number %q is longer than %d hexadecimal digits", what, raw[at:end], maxNumber)
	}
	return v, end, nil
}

// parseFields reads data, extended data and stamp; at stands on the first bracket.
func parseFields(f *Frame, raw []byte, at int) *Error {
	end := bytes.IndexByte(raw[at:], ']')
	if end < 0 {
		return fault(ReasonBadSyntax, at, "the data is not closed by a bracket")
	}
	f.Data = raw[at+1 : at+end]
	return parseRest(f, raw, at+end+1)
}

// parseRest reads what follows the data's bracket.
func parseRest(f *Frame, raw []byte, at int) *Error {
	from := at
	for at < len(raw) && raw[at] == '[' {
		end := bytes.IndexByte(raw[at:], ']')
		if end < 0 {
			return fault(ReasonBadSyntax, at, "an extended field is not closed by a bracket")
		}
		at += end + 1
	}
	f.Extended = raw[from:at]
	stamp := bytes.TrimRight(raw[at:], " \x00")
	if len(stamp) == 0 {
		return nil
	}
	// An alarm is not refused because its panel cannot write the time.
	var ok bool
	if f.SentAtMS, ok = ParseStamp(bytes.TrimPrefix(stamp, []byte("_"))); !ok {
		f.OddStamp = true
	}
	return nil
}
