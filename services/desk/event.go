package desk

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/httpserver"
	"github.com/open-vigie/vigie/services/internal/vault"
)

// FieldNote is what sealed texts of people are bound to, with the event's id
// (vault.AAD): a text copied into another event does not open.
const FieldNote = "note"

// fill sets the body of an act's event; the request has been checked.
func (d *Desk) fill(e *vigiev1.Event, id ids.ID, o *OperatorAction) error {
	text := o.Note
	if o.Act == "close" {
		text = o.Reason
	}
	var sealed *vigiev1.Sealed
	if text != "" {
		var err error
		sealed, err = d.deps.Vault.Seal(vault.SiteKey(e.Site), []byte(text), vault.AAD(FieldNote, id[:]))
		if err != nil {
			return err
		}
	}
	switch o.Act {
	case "claim":
		e.Body = &vigiev1.Event_IncidentClaimed{IncidentClaimed: &vigiev1.IncidentClaimed{Incident: o.Incident}}
	case "release":
		e.Body = &vigiev1.Event_IncidentReleased{IncidentReleased: &vigiev1.IncidentReleased{Incident: o.Incident}}
	case "verify":
		e.Body = &vigiev1.Event_VerificationMade{VerificationMade: &vigiev1.VerificationMade{
			Incident: o.Incident, Note: sealed,
			Means:  number[vigiev1.VerificationMeans](o.Means),
			Result: number[vigiev1.VerificationResult](o.Result),
		}}
	case "close":
		e.Body = &vigiev1.Event_IncidentClosed{IncidentClosed: &vigiev1.IncidentClosed{
			Incident: o.Incident, Reason: sealed, ReasonGiven: sealed != nil,
			Outcome: number[vigiev1.IncidentOutcome](o.Outcome),
		}}
	case "note":
		e.Body = &vigiev1.Event_NoteWritten{NoteWritten: &vigiev1.NoteWritten{Incident: o.Incident, Text: sealed}}
	default:
		panic("desk: act " + o.Act + " passed the schema and has no event")
	}
	return nil
}

// number is the value of an enum that the API shows by this name; 0 for "".
func number[E interface {
	~int32
	protoreflect.Enum
}](name string) E {
	var zero E
	n, _ := httpserver.EnumNumber(zero.Descriptor(), name)
	return E(n)
}
