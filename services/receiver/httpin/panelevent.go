package httpin

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/receiver"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// PanelEvent is what a panel, or a camera, reports: exactly one of poll, sia,
// contact_id, or class and kind.
type PanelEvent struct {
	_          struct{} `json:"-" additionalProperties:"true"`
	Account    string   `json:"account" pattern:"^[0-9A-Za-z]{3,16}$" patternDescription:"3 to 16 letters and digits" doc:"As a panel would send it by DC-09; in either case it is the same site."`
	Line       uint32   `json:"line,omitempty" maximum:"16777215" doc:"DC-09 account prefix; 0 for none."`
	Path       uint32   `json:"path,omitempty" minimum:"1" maximum:"15" doc:"Path within the site; 1, the primary one, unless given."`
	Poll       bool     `json:"poll,omitempty" doc:"The path lives, and nothing else."`
	SIA        string   `json:"sia,omitempty" pattern:"^[A-Z]{2}$" patternDescription:"two capital letters" example:"BA" doc:"A code of SIA DC-03. One that Vigie does not know is kept verbatim."`
	ContactID  string   `json:"contact_id,omitempty" pattern:"^[136]?[0-9B-Fb-f]{3}$" patternDescription:"three digits, with or without the qualifier 1, 3 or 6 before them" example:"1130" doc:"A code of Contact ID (SIA DC-05)."`
	Class      string   `json:"class,omitempty" enum:"hold-up,duress,fire,sprinkler,medical,lone-worker,gas,tamper,jamming,substitution,intrusion,intrusion-confirmed,technical-critical,technical-comfort,mains,battery,communication,zone-fault,test,information" doc:"What it is about, for a sender without codes."`
	Kind       string   `json:"kind,omitempty" enum:"alarm,cancel,arm,arm-part,arm-forced,disarm,disarm-after-alarm,fault,tamper,bypass,test,test-periodic,information" doc:"What it says of the class; unless given, fault for mains, battery, communication and zone-fault, the class itself for tamper, test and information, else alarm."`
	Restored   bool     `json:"restored,omitempty" doc:"It is over: for alarm, fault, tamper and bypass, and for contact_id without a qualifier."`
	Area       string   `json:"area,omitempty" maxLength:"32"`
	Zone       string   `json:"zone,omitempty" maxLength:"32"`
	User       string   `json:"user,omitempty" maxLength:"32"`
	Text       string   `json:"text,omitempty" maxLength:"1000" doc:"Free text. Sealed in the log."`
	OccurredAt string   `json:"occurred_at,omitempty" format:"date-time" doc:"By the sender's clock."`
}

func schemaOf[T any](schemas huma.Registry) *huma.Schema {
	return schemas.Schema(reflect.TypeFor[T](), true, "")
}

// known are the members of PanelEvent.
var known = func() (names []string) {
	t := reflect.TypeFor[PanelEvent]()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}()

// ignored are the members of the data that mean nothing here: an alarm is not
// refused for them, and the sender is told.
func ignored(data any) []string {
	members, _ := data.(map[string]any)
	var names []string
	for name := range members {
		if !slices.Contains(known, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

var kinds = map[string]dc09.Kind{
	"alarm": dc09.KindAlarm, "cancel": dc09.KindCancel, "arm": dc09.KindArm, "arm-part": dc09.KindArmPart, "arm-forced": dc09.KindArmForced,
	"disarm": dc09.KindDisarm, "disarm-after-alarm": dc09.KindDisarmAfterAlarm, "fault": dc09.KindFault, "tamper": dc09.KindTamper,
	"bypass": dc09.KindBypass, "test": dc09.KindTest, "test-periodic": dc09.KindTestPeriodic, "information": dc09.KindInformation,
}

// message makes a receiver's message of an event that its schema allows. The error
// says what the schema cannot.
func (e CloudEvent) message(data any) (receiver.Message, error) {
	d := e.Data
	// Equal whatever the mode, the order of members and the white space.
	canonical, err := json.Marshal(data)
	if err != nil {
		return receiver.Message{}, err
	}
	// The data is part of the identity: a sender that uses an id again for something
	// else breaks the specification, and its second alarm is an alarm all the same.
	identity := ids.Hash("vigie cloudevent", e.Source, e.ID, string(canonical))
	m := receiver.Message{
		Transport: vigiev1.Transport_TRANSPORT_HTTP, Line: d.Line, Account: d.Account, Path: d.Path,
		Format: receiver.FormatCloudEvent, Identity: identity[:], Poll: d.Poll, Data: canonical,
	}
	if m.OccurredAtMS, err = occurred(d.OccurredAt, e.Time); err != nil {
		return m, err
	}
	if d.Poll {
		return m, d.only("poll")
	}
	rep, err := d.report()
	m.Reports = []receiver.Report{rep}
	return m, err
}

func occurred(times ...string) (int64, error) {
	for _, t := range times {
		if t == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, t)
		if err != nil {
			return 0, fmt.Errorf("the time %q: %w", t, err)
		}
		return at.UnixMilli(), nil
	}
	return 0, nil
}

// only says which members contradict each other.
func (d PanelEvent) only(kind string) error {
	given := map[string]bool{"poll": d.Poll, "sia": d.SIA != "", "contact_id": d.ContactID != "", "class": d.Class != "", "kind": d.Kind != ""}
	delete(given, kind)
	if kind == "class" {
		delete(given, "kind")
	}
	for _, other := range []string{"poll", "sia", "contact_id", "class", "kind"} {
		if given[other] {
			return fmt.Errorf("%s and %s contradict each other: exactly one of poll, sia, contact_id, or class and kind", kind, other)
		}
	}
	return nil
}

// report is the one event that the data tells.
func (d PanelEvent) report() (receiver.Report, error) {
	rep := receiver.Report{Area: d.Area, Zone: d.Zone, User: d.User, Text: d.Text}
	switch {
	case d.SIA != "":
		rep.Format, rep.Code = "SIA", d.SIA
		rep.Meaning, rep.Known = dc09.SIAMeaning(d.SIA)
		return rep, d.only("sia")
	case d.ContactID != "":
		code := strings.ToUpper(d.ContactID)
		if len(code) == 3 {
			code = map[bool]string{false: "1", true: "3"}[d.Restored] + code
		}
		rep.Format, rep.Code = "CID", code
		rep.Meaning, rep.Known = dc09.CIDMeaning(dc09.CIDEvent{Qualifier: code[0], Code: code[1:]})
		return rep, d.only("contact_id")
	case d.Class == "" && d.Kind == "":
		return rep, fmt.Errorf("it says nothing: exactly one of poll, sia, contact_id, or class and kind is expected")
	}
	rep.Format, rep.Known = "VIGIE", true
	var err error
	rep.Meaning, rep.Code, err = d.meaning()
	return rep, err
}

// meaning of class and kind, and how both stand in the log.
func (d PanelEvent) meaning() (dc09.Meaning, string, error) {
	class, kind := d.Class, d.Kind
	switch {
	case kind != "":
	case slices.Contains([]string{"mains", "battery", "communication", "zone-fault"}, class):
		kind = "fault"
	case class == "tamper" || class == "test" || class == "information":
		kind = class
	default:
		kind = "alarm"
	}
	m := dc09.Meaning{Kind: kinds[kind], Restore: d.Restored}
	switch m.Kind {
	case dc09.KindAlarm, dc09.KindFault, dc09.KindTamper, dc09.KindBypass:
	default:
		if d.Restored {
			return m, "", fmt.Errorf("restored has no meaning for %s", kind)
		}
	}
	if class == "" {
		switch m.Kind {
		case dc09.KindAlarm, dc09.KindFault, dc09.KindCancel:
			return m, "", fmt.Errorf("%s needs a class", kind)
		case dc09.KindTamper:
			class = "tamper"
		case dc09.KindTest, dc09.KindTestPeriodic:
			class = "test"
		default:
			class = "information"
		}
	}
	m.Class = vigiev1.EventClass(vigiev1.EventClass_value["EVENT_CLASS_"+strings.ReplaceAll(strings.ToUpper(class), "-", "_")])
	return m, class + "/" + kind, nil
}
