package dc09

import (
	_ "embed" // the tables of codes
	"fmt"
	"slices"
	"strings"

	v1 "github.com/open-vigie/vigie/schemas/vigiev1"
)

// Kind is what a code does to a site.
type Kind uint8

// The kinds; a restoral of one that has a restoral is told by Meaning.Restore.
const (
	// KindInformation is kept verbatim and changes nothing.
	KindInformation Kind = iota
	KindAlarm
	KindCancel
	KindArm
	KindArmPart
	KindArmForced
	KindDisarm
	KindDisarmAfterAlarm
	KindFault
	KindTamper
	KindBypass
	KindTest
	KindTestPeriodic
)

// kindTags are the kinds in the tables of codes.
var kindTags = []string{
	KindInformation: "information", KindAlarm: "alarm", KindCancel: "cancel", KindArm: "arm", KindArmPart: "arm-part",
	KindArmForced: "arm-forced", KindDisarm: "disarm", KindDisarmAfterAlarm: "disarm-after-alarm", KindFault: "fault",
	KindTamper: "tamper", KindBypass: "bypass", KindTest: "test", KindTestPeriodic: "test-periodic",
}

// Meaning is what a code says.
type Meaning struct {
	Class   v1.EventClass
	Kind    Kind
	Restore bool
}

// The tables: one line a code, with what each source says of it. They are the only
// place where a code's meaning stands.
var (
	//go:embed codes_sia.tsv
	siaTable string
	//go:embed codes_cid.tsv
	cidTable string

	siaCodes = readCodes(siaTable, 7)
	cidCodes = readCodes(cidTable, 6)
)

// codeRow is one line of a table.
type codeRow struct {
	meaning Meaning
	address Address
	// name in siadc09, else in pysiaalarm; "" when only a pairing is known.
	name string
}

// readCodes reads a table of so many columns. It panics when the table, which is
// part of the program, is not what its head says.
func readCodes(table string, columns int) map[string]codeRow {
	rows := make(map[string]codeRow, 400)
	for line := range strings.Lines(table) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		row := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(row) != columns {
			panic(fmt.Sprintf("dc09: %q has %d columns, not %d", line, len(row), columns))
		}
		code, restore, rest := row[0], false, row[3:]
		if columns == 7 {
			restore, rest = row[3] == "restore", row[4:]
		}
		class, known := v1.EventClass_value["EVENT_CLASS_"+strings.ToUpper(row[1])]
		kind := slices.Index(kindTags, row[2])
		if _, twice := rows[code]; twice || !known || kind < 0 {
			panic(fmt.Sprintf("dc09: %q: its code stands twice, or its class or kind is none", line))
		}
		name := rest[1]
		if name == "-" && columns == 7 {
			name = rest[2]
		}
		rows[code] = codeRow{
			meaning: Meaning{Class: v1.EventClass(class), Kind: Kind(kind), Restore: restore},
			address: addressOf(rest[0]), name: strings.TrimPrefix(name, "-"),
		}
	}
	return rows
}

// SIAMeaning tells what a DC-03 code says; false for a code no table here has.
func SIAMeaning(code string) (Meaning, bool) {
	row, ok := siaCodes[code]
	return row.meaning, ok
}

// SIAName is the English name of a DC-03 code in the standard's words; "" for a
// code no table here has.
func SIAName(code string) string { return siaCodes[code].name }

// CIDName is the English name of a Contact ID code of three digits; "" for one that
// no table here has.
func CIDName(code string) string { return cidCodes[code].name }

// CIDMeaning tells what a Contact ID event says; false for a code no table here
// has. "Still present" reads as raised.
func CIDMeaning(e CIDEvent) (Meaning, bool) {
	row, ok := cidCodes[e.Code]
	if !ok {
		return Meaning{}, false
	}
	m := row.meaning
	restore := e.Qualifier == CIDRestore
	switch m.Kind {
	case KindArm, KindArmPart, KindArmForced:
		if !restore {
			m.Kind = KindDisarm
		}
	case KindAlarm, KindFault, KindTamper, KindBypass:
		m.Restore = restore
	default: // the others have no restoral
	}
	return m, true
}

var kindNames = [...]string{
	KindInformation: "information", KindAlarm: "alarm", KindCancel: "alarm cancelled by a user",
	KindArm: "armed", KindArmPart: "armed in part", KindArmForced: "armed by force",
	KindDisarm: "disarmed", KindDisarmAfterAlarm: "disarmed after an alarm", KindFault: "fault",
	KindTamper: "tamper", KindBypass: "bypass", KindTest: "test", KindTestPeriodic: "periodic test",
}

// String says the meaning in English, for people: "alarm, intrusion".
func (m Meaning) String() string {
	class := strings.TrimPrefix(m.Class.String(), "EVENT_CLASS_")
	s := kindNames[m.Kind] + ", " + strings.ReplaceAll(strings.ToLower(class), "_", " ")
	if m.Restore {
		s += ", restored"
	}
	return s
}

// Address is what the characters after a code number.
type Address uint8

// The addresses that matter to a site; doors, devices and the like read as zones.
const (
	AddressZone Address = iota
	AddressUser
	AddressArea
)

func addressOf(column string) Address {
	switch column {
	case "user":
		return AddressUser
	case "area":
		return AddressArea
	}
	return AddressZone
}

// SIAAddress tells what the address of a DC-03 code of two letters numbers. Where
// the sources differ (CG, CJ: area or user), it follows siadc09.
func SIAAddress(code string) Address { return siaCodes[code].address }

// CIDAddress tells what the last field of a Contact ID event numbers.
func CIDAddress(code string) Address { return cidCodes[code].address }

// Places says what the numbers of an event stand for; "" where it names none.
func (e *SIAEvent) Places() (area, zone, user string) {
	area, user = e.Area, e.User
	if e.Address == "" {
		return area, zone, user
	}
	switch SIAAddress(e.Code) {
	case AddressUser:
		user = e.Address
	case AddressArea:
		area = e.Address
	default:
		zone = e.Address
	}
	return area, zone, user
}

// Places says what the numbers of an event stand for; "" where it names none.
func (e CIDEvent) Places() (area, zone, user string) {
	if e.Area != "00" {
		area = e.Area
	}
	if e.Zone == "000" {
		return area, "", ""
	}
	if CIDAddress(e.Code) == AddressUser {
		return area, "", e.Zone
	}
	return area, e.Zone, ""
}
