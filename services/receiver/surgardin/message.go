package surgardin

import (
	"fmt"
	"strconv"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/receiver"
	"github.com/open-vigie/vigie/services/receiver/dc09"
	"github.com/open-vigie/vigie/services/receiver/surgard"
)

// message makes a receiver's message of a line. The error says what is set up wrong.
func (s *session) message(l surgard.Line, raw []byte) (receiver.Message, error) {
	g := s.gateway
	m := receiver.Message{
		From: s.remote, Transport: vigiev1.Transport_TRANSPORT_SURGARD, Gateway: g.String(), Listed: true,
		Line: g.Line, Account: l.Account, Path: g.Path, Data: raw, Raw: raw,
	}
	if n, err := strconv.ParseUint(l.Receiver, 16, 32); err == nil {
		m.ReceiverNumber = uint32(n)
	}
	if g.AsSent && l.Receiver != "" {
		n, err := strconv.ParseUint(l.Receiver+l.Card, 16, 24)
		if err != nil {
			return m, fmt.Errorf("receiver %s and line card %s are no hexadecimal number: give the gateway a line of its own in receiver.surgard.gateways", l.Receiver, l.Card)
		}
		m.Line = uint32(n)
	}
	switch l.Kind {
	case surgard.Heartbeat:
		// The life of the gateway, told by its own account; of no panel's.
		m.Account, m.Format, m.Poll = surgard.System, receiver.FormatSurGard, true
		return m, nil
	case surgard.ContactID:
		m.Format = receiver.FormatSurGardCID
		m.Reports = []receiver.Report{receiver.CIDReport(dc09.CIDEvent{Qualifier: qualifiers[l.Qualifier], Code: l.Code, Area: l.Area, Zone: l.Zone})}
	case surgard.SIA:
		m.Format, m.Data = receiver.FormatSurGardSIA, l.Data
		if _, events, err := dc09.ParseSIA(l.Data); err == nil { // else it is kept verbatim
			for _, e := range events {
				m.Reports = append(m.Reports, receiver.SIAReport(e))
			}
		}
	case surgard.Other:
		m.Format = receiver.FormatSurGard
	}
	return m, nil
}

// qualifiers of SurGard's lines in Contact ID's own digits.
var qualifiers = map[byte]byte{'E': dc09.CIDNew, 'R': dc09.CIDRestore, 'P': dc09.CIDStill}

// numbering gives each message of a gateway its identity. The lines have no sequence
// and no time: the same alarm twice is the same bytes twice, and so is a repeat.
type numbering struct {
	boot string
	n    uint64
	// last message, its number, and whether its answer was sent.
	last     string
	answered bool
}

// identity of a line. It repeats the last one when that was not answered, and when it
// is the first of a connection: the answer may have been lost with the one before.
// Otherwise, in doubt, it is a new alarm.
func (n *numbering) identity(line string, first bool) []byte {
	if line != n.last || n.answered && !first {
		n.n++
		n.last, n.answered = line, false
	}
	id := ids.Hash("vigie surgard", n.boot, strconv.FormatUint(n.n, 10), line)
	return id[:]
}

// wasAnswered notes that a line's answer was sent.
func (n *numbering) wasAnswered(line string) {
	if line == n.last {
		n.answered = true
	}
}
