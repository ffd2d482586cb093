package dc09

import (
	"fmt"
	"testing"

	v1 "github.com/open-vigie/vigie/schemas/vigiev1"
)

func TestSIABlocks(t *testing.T) {
	for _, c := range []struct {
		data    string
		account string
		want    []SIAEvent
	}{
		{"#1234|NBA01", "1234", []SIAEvent{{Code: "BA", Address: "01"}}},
		{"#1234|Nri1/BA012", "1234", []SIAEvent{{Code: "BA", Address: "012", Area: "1"}}},
		{"#1234|Nti10:05/ri1/id3/CL3", "1234", []SIAEvent{{Code: "CL", Address: "3", Time: "10:05", Area: "1", User: "3"}}},
		{"#1234|Nri1/BA01/BA02", "1234", []SIAEvent{{Code: "BA", Address: "01", Area: "1"}, {Code: "BA", Address: "02", Area: "1"}}},
		{"#1234|Nri1BA01", "1234", []SIAEvent{{Code: "BA", Address: "01", Area: "1"}}},
		{"#1234|OBA01", "1234", []SIAEvent{{Old: true, Code: "BA", Address: "01"}}},
		{"#1234|NBA01^Porte/garage^", "1234", []SIAEvent{{Code: "BA", Address: "01", Text: []byte("Porte/garage")}}},
		{"#1234|NBA01|APorte", "1234", []SIAEvent{{Code: "BA", Address: "01", Text: []byte("Porte")}}},
		{`#1234|NBA01*"Porte"NM`, "1234", []SIAEvent{{Code: "BA", Address: "01", Text: []byte("Porte")}}},
		// As my-dc09-spt 0.2.2 writes them.
		{"#1234|Nri2^Boven etage hoofdgebouw^ti04:26:33OP14|ASectie uitgeschakeld", "1234",
			[]SIAEvent{{Code: "OP", Address: "14", Area: "2", Time: "04:26:33", Text: []byte("Sectie uitgeschakeld")}}},
		{"#1234|Nri1BA3^keuken^|AInbraak", "1234", []SIAEvent{{Code: "BA", Address: "3", Area: "1", Text: []byte("keuken; Inbraak")}}},
		{"#1234|Nri1A/BA3", "1234", []SIAEvent{{Code: "BA", Address: "3", Area: "1A"}}},
		{"#1234|NriZ/BA01", "1234", []SIAEvent{{Code: "BA", Address: "01", Area: "Z"}}},
		{"#1234|Nri1_z/BA01", "1234", []SIAEvent{{Code: "BA", Address: "01", Area: "1_z"}}},
		{"#1234|NriA/BA3", "1234", []SIAEvent{{Code: "BA", Address: "3", Area: "A"}}},
		{"#1234|NRP", "1234", []SIAEvent{{Code: "RP"}}},
		{"#1234|BA01", "1234", []SIAEvent{{Code: "BA", Address: "01"}}},
		{"NBA01", "", []SIAEvent{{Code: "BA", Address: "01"}}},
	} {
		account, got, err := ParseSIA([]byte(c.data))
		if err != nil || account != c.account || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", c.want) {
			t.Errorf("%s: %q %+v, %v, want %+v", c.data, account, got, err, c.want)
		}
	}
	for _, bad := range []string{"", "#1234|", "#1234|N", "#1234|Nb", "#1234|N01", "#1234|NBA01/!", `#1234|NBA01*"open`, "|"} {
		if _, got, err := ParseSIA([]byte(bad)); err == nil {
			t.Errorf("%q gives %+v", bad, got)
		}
	}
}

func TestCIDEvents(t *testing.T) {
	for data, want := range map[string]CIDEvent{
		"#1234|1130 01 003": {Qualifier: '1', Code: "130", Area: "01", Zone: "003"},
		"#1234|3401 00 012": {Qualifier: '3', Code: "401", Area: "00", Zone: "012"},
		"6130010F3":         {Qualifier: '6', Code: "130", Area: "01", Zone: "0F3"},
	} {
		if _, got, err := ParseCID([]byte(data)); err != nil || got != want {
			t.Errorf("%s: %+v, %v", data, got, err)
		}
	}
	for _, bad := range []string{"", "#1234|", "2130 01 003", "1130 01 03", "1130 01 0030", "1G30 01 003"} {
		if _, got, err := ParseCID([]byte(bad)); err == nil {
			t.Errorf("%q gives %+v", bad, got)
		}
	}
}

func TestMeaningsThatAreEasilyWrong(t *testing.T) {
	cid := func(q byte, code string) Meaning {
		m, ok := CIDMeaning(CIDEvent{Qualifier: q, Code: code})
		if !ok {
			t.Errorf("%c%s is unknown", q, code)
		}
		return m
	}
	for _, c := range []struct {
		name string
		got  Meaning
		want Meaning
	}{
		{"a new event of 401 is an opening", cid('1', "401"), Meaning{v1.EventClass_EVENT_CLASS_INFORMATION, KindDisarm, false}},
		{"a restoral of 401 is a closing", cid('3', "401"), Meaning{v1.EventClass_EVENT_CLASS_INFORMATION, KindArm, false}},
		{"a restoral of 441 is a closing in part", cid('3', "441"), Meaning{v1.EventClass_EVENT_CLASS_INFORMATION, KindArmPart, false}},
		{"3 restores", cid('3', "130"), Meaning{v1.EventClass_EVENT_CLASS_INTRUSION, KindAlarm, true}},
		{"still present is raised", cid('6', "110"), Meaning{v1.EventClass_EVENT_CLASS_FIRE, KindAlarm, false}},
		{"a new event of 443 is an opening", cid('1', "443"), Meaning{v1.EventClass_EVENT_CLASS_INFORMATION, KindDisarm, false}},
		{"a restoral of 443 is a forced closing", cid('3', "443"), Meaning{v1.EventClass_EVENT_CLASS_INFORMATION, KindArmForced, false}},
		{"113 is the sprinkler's flow, not a leak", cid('1', "113"), Meaning{v1.EventClass_EVENT_CLASS_SPRINKLER, KindAlarm, false}},
		{"the restoral of a bypass ends it", cid('3', "576"), Meaning{v1.EventClass_EVENT_CLASS_INFORMATION, KindBypass, true}},
		{"121 is duress", cid('1', "121"), Meaning{v1.EventClass_EVENT_CLASS_DURESS, KindAlarm, false}},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v", c.name, c.got)
		}
	}
	for code, kind := range map[string]Kind{"OT": KindInformation, "CT": KindInformation, "OJ": KindDisarm, "CJ": KindArm, "RP": KindTestPeriodic, "BC": KindCancel, "AA": KindAlarm, "ND": KindAlarm, "NF": KindArmForced, "OL": KindDisarmAfterAlarm, "XS": KindTamper, "AB": KindInformation} {
		if m, ok := SIAMeaning(code); !ok || m.Kind != kind {
			t.Errorf("%s: %v, %t", code, m, ok)
		}
	}
	if _, ok := SIAMeaning("QQ"); ok {
		t.Error("QQ is no code")
	}
	if _, ok := CIDMeaning(CIDEvent{Qualifier: CIDNew, Code: "999"}); ok {
		t.Error("999 is no code")
	}
}

func TestAddresses(t *testing.T) {
	for code, want := range map[string]Address{"BA": AddressZone, "OP": AddressUser, "NL": AddressArea, "BV": AddressArea, "RP": AddressZone, "": AddressZone} {
		if got := SIAAddress(code); got != want {
			t.Errorf("%q: %d, want %d", code, got, want)
		}
	}
}

func FuzzParseSIA(f *testing.F) {
	for _, s := range []string{"#1234|Nri1/BA012", "#1234|Nti10:05/ri1/id3/CL3^x^", `#1234|NBA01*"t"NM|At`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, events, err := ParseSIA(data)
		if err == nil && (len(events) == 0 || len(events) > maxEvents) {
			t.Fatalf("%d events and no error", len(events))
		}
	})
}

func FuzzParseCID(f *testing.F) {
	f.Add([]byte("#1234|1130 01 003"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, e, err := ParseCID(data); err == nil && (len(e.Code) != 3 || len(e.Area) != 2 || len(e.Zone) != 3) {
			t.Fatalf("%+v", e)
		}
	})
}
