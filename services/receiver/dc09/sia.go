package dc09

import (
	"bytes"
	"strings"
)

// maxEvents of one block; a longer one is kept verbatim.
const maxEvents = 64

// SIAEvent is one event of a SIA-DCS block (DC-03). Values are as sent.
type SIAEvent struct {
	// Old: the panel says that it reports late.
	Old bool
	// Code is two capital letters, Address the zone, user or door after them.
	Code    string
	Address string
	// What the modifiers said: ti, id, ri, pi. They hold until said anew.
	Time       string
	User       string
	Area       string
	Peripheral string
	// Text is the panel's own, in whatever character set it has.
	Text []byte
}

// ParseSIA reads the data field of a SIA-DCS frame. account is the one inside
// the data, often the same as the frame's; "" when absent. The error is *Error,
// and then no event is to be trusted: keep the data verbatim.
func ParseSIA(data []byte) (account string, events []SIAEvent, err error) {
	// All strings of the events are parts of this one.
	text := string(data)
	account, at := splitAccount(text)
	p := siaParser{data: data[at:], text: text[at:], base: at}
	if ferr := p.blocks(true); ferr != nil {
		// Some panels leave out the N of a new event.
		retry := siaParser{data: data[at:], text: text[at:], base: at}
		if retry.blocks(false) != nil {
			return account, nil, ferr
		}
		p = retry
	}
	if len(p.events) == 0 {
		return account, nil, fault(ReasonBadSyntax, at, "no event code in the data")
	}
	return account, p.events, nil
}

// splitAccount reads "#1234|", or "1234|" as some write it, and tells where the rest
// begins.
func splitAccount(data string) (account string, rest int) {
	bar := strings.IndexByte(data, '|')
	switch {
	case bar < 0:
		return "", 0
	case bar == 0:
		return "", 1
	case data[0] == '#':
		return data[1:bar], bar + 1
	case isDigit(data[0]) && bar >= 3 && bar <= maxAccount:
		return data[:bar], bar + 1 // no block starts with a digit
	}
	return "", 0
}

type siaParser struct {
	// data and text are the same.
	data   []byte
	text   string
	base   int
	at     int
	now    SIAEvent
	events []SIAEvent
}

func (p *siaParser) fail(format string, args ...any) *Error {
	return fault(ReasonBadSyntax, p.base+p.at, format, args...)
}

func (p *siaParser) more() bool { return p.at < len(p.data) }

// blocks reads what is between the bars: events that start with N or O (when
// marked), or a text that starts with A.
func (p *siaParser) blocks(marked bool) *Error {
	for p.more() {
		switch c := p.data[p.at]; {
		case c == '|':
			p.at++
			continue
		case marked && (c == 'N' || c == 'O'):
			p.now = SIAEvent{Old: c == 'O'}
			p.at++
		case marked && c == 'A' && len(p.events) > 0:
			p.at++
			p.setText(p.until("|"))
			continue
		case marked && c == '*' && len(p.events) > 0:
			if ferr := p.quotedText(); ferr != nil {
				return ferr
			}
			continue
		case marked:
			return p.fail("a block starts with %q: N, O or A is expected", c)
		}
		if ferr := p.items(); ferr != nil {
			return ferr
		}
	}
	return nil
}

// items reads modifiers, codes and texts of one block.
func (p *siaParser) items() *Error {
	for p.more() && p.data[p.at] != '|' {
		switch c := p.data[p.at]; {
		case c == '/' || c == ' ':
			p.at++
		case c == '^':
			p.at++
			p.setText(p.until("^"))
			p.at = min(p.at+1, len(p.data))
		case c == '*':
			if ferr := p.quotedText(); ferr != nil {
				return ferr
			}
		case c >= 'a' && c <= 'z':
			if ferr := p.modifier(); ferr != nil {
				return ferr
			}
		case p.codeAhead():
			p.code()
			if len(p.events) > maxEvents {
				return p.fail("more than %d events in one block", maxEvents)
			}
		default:
			return p.fail("%q is neither a code nor a modifier", c)
		}
	}
	return nil
}

func (p *siaParser) codeAhead() bool {
	return p.at+1 < len(p.data) && isUpper(p.data[p.at]) && isUpper(p.data[p.at+1])
}

func (p *siaParser) code() {
	e := p.now
	e.Code = p.text[p.at : p.at+2]
	p.at += 2
	from := p.at
	p.until("/^*|")
	e.Address = strings.TrimSpace(p.text[from:p.at])
	p.events = append(p.events, e)
}

// until takes the bytes up to one of the ends, which stays.
func (p *siaParser) until(ends string) []byte {
	n := bytes.IndexAny(p.data[p.at:], ends)
	if n < 0 {
		n = len(p.data) - p.at
	}
	v := p.data[p.at : p.at+n]
	p.at += n
	return v
}

// setText gives the latest event its text, after what it already has: a zone's
// name and a message come one after the other. Before any event it names what a
// modifier said (an area, a user), and is left to the raw frame.
func (p *siaParser) setText(text []byte) {
	n := len(p.events)
	if n == 0 || len(text) == 0 {
		return
	}
	e := &p.events[n-1]
	if len(e.Text) > 0 {
		text = append(append(append([]byte(nil), e.Text...), "; "...), text...)
	}
	e.Text = text
}

// quotedText reads *"text"NM, and *text* without the quotes as some write it.
func (p *siaParser) quotedText() *Error {
	p.at++
	if p.more() && p.data[p.at] != '"' {
		p.setText(p.until("*|"))
		p.at += boolInt(p.more() && p.data[p.at] == '*')
		return nil
	}
	p.at++
	if p.at > len(p.data) {
		return p.fail("a text is expected after the star")
	}
	text := p.until(`"`)
	if !p.more() {
		return p.fail("the quoted text is not closed")
	}
	p.setText(text)
	p.at++
	p.at += len(`NM`) * boolInt(bytes.HasPrefix(p.data[p.at:], []byte("NM")))
	return nil
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// modifier reads two small letters and a value, ended by a slash or, in the
// field, by the capital letters of the code itself.
func (p *siaParser) modifier() *Error {
	if p.at+1 >= len(p.data) || p.data[p.at+1] < 'a' || p.data[p.at+1] > 'z' {
		return p.fail("a modifier has two small letters")
	}
	name := p.text[p.at : p.at+2]
	p.at += 2
	end := p.at
	for end < len(p.data) && (isDigit(p.data[end]) || p.data[end] == ':' || p.data[end] == '-') {
		end++
	}
	// "ri1BA3" is area 1 and a code; "ri1A/" and "riA/" are areas in hexadecimal.
	if end == p.at || end+1 < len(p.data) && !(isUpper(p.data[end]) && isUpper(p.data[end+1])) {
		for end < len(p.data) && isHex(p.data[end]) {
			end++
		}
	}
	// "riZ/": whatever else stands before the slash is the value too: a panel's
	// odd name for an area must not cost the alarm its meaning.
	if code := end+1 < len(p.data) && isUpper(p.data[end]) && isUpper(p.data[end+1]); !code && end < len(p.data) && bytes.IndexByte([]byte("/^*| "), p.data[end]) < 0 {
		if n := bytes.IndexAny(p.data[end:], "/^*|"); n >= 0 {
			end += n
		}
	}
	value := p.text[p.at:end]
	p.at = end
	switch name {
	case "ti":
		p.now.Time = value
	case "id":
		p.now.User = value
	case "ri":
		p.now.Area = value
	case "pi":
		p.now.Peripheral = value
	}
	return nil
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
