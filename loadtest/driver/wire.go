package driver

import (
	"fmt"

	"github.com/open-vigie/vigie/loadtest/scenario"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// codes of the acts in both formats; restore is Contact ID's qualifier 3.
var codes = [...]struct {
	sia, cid string
	restore  bool
	user     bool
	zone     bool
}{
	scenario.Opening:   {sia: "OP", cid: "401", user: true},
	scenario.Closing:   {sia: "CL", cid: "401", restore: true, user: true},
	scenario.Intrusion: {sia: "BA", cid: "130", zone: true}, scenario.IntrusionRestored: {sia: "BR", cid: "130", restore: true, zone: true},
	scenario.Tamper: {sia: "TA", cid: "137", zone: true}, scenario.TamperRestored: {sia: "TR", cid: "137", restore: true, zone: true},
	scenario.Fire: {sia: "FA", cid: "110", zone: true}, scenario.FireRestored: {sia: "FR", cid: "110", restore: true, zone: true},
	scenario.HoldUp: {sia: "PA", cid: "120", zone: true}, scenario.HoldUpRestored: {sia: "PR", cid: "120", restore: true, zone: true},
	scenario.Mains: {sia: "AT", cid: "301"}, scenario.MainsRestored: {sia: "AR", cid: "301", restore: true},
	scenario.PeriodicTest: {sia: "RP", cid: "602"},
}

// Frame is what the panel sends for an act. Events tell when they occurred
// (field H), so that a repeat of the same act is another message.
func (p *Panel) Frame(do scenario.Act, zone uint8, sequence uint32, occurredMS int64) dc09.Frame {
	f := dc09.Frame{Sequence: sequence, Account: p.Account, Token: dc09.TokenNull}
	if do == scenario.LinkTest {
		return f
	}
	c := codes[do]
	f.Extended = dc09.AppendField(nil, 'H', string(dc09.AppendStamp(nil, occurredMS)))
	if p.ContactID {
		qualifier := dc09.CIDNew
		if c.restore {
			qualifier = dc09.CIDRestore
		}
		f.Token = dc09.TokenCID
		f.Data = fmt.Appendf(nil, "#%s|%c%s 00 %03d", p.Account, qualifier, c.cid, zone)
		return f
	}
	f.Token = dc09.TokenSIA
	switch {
	case c.user:
		f.Data = fmt.Appendf(nil, "#%s|Nid%d/%s", p.Account, zone, c.sia)
	case c.zone:
		f.Data = fmt.Appendf(nil, "#%s|N%s%03d", p.Account, c.sia, zone)
	default:
		f.Data = fmt.Appendf(nil, "#%s|N%s", p.Account, c.sia)
	}
	return f
}
