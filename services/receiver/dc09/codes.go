package dc09

import (
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

// Meaning is what a code says.
type Meaning struct {
	Class   v1.EventClass
	Kind    Kind
	Restore bool
}

// Short names of the classes, for the tables.
const (
	medical   = v1.EventClass_EVENT_CLASS_MEDICAL
	fire      = v1.EventClass_EVENT_CLASS_FIRE
	sprinkler = v1.EventClass_EVENT_CLASS_SPRINKLER
	holdUp    = v1.EventClass_EVENT_CLASS_HOLD_UP
	duress    = v1.EventClass_EVENT_CLASS_DURESS
	gas       = v1.EventClass_EVENT_CLASS_GAS
	tamper    = v1.EventClass_EVENT_CLASS_TAMPER
	jamming   = v1.EventClass_EVENT_CLASS_JAMMING
	intrusion = v1.EventClass_EVENT_CLASS_INTRUSION
	confirmed = v1.EventClass_EVENT_CLASS_INTRUSION_CONFIRMED
	critical  = v1.EventClass_EVENT_CLASS_TECHNICAL_CRITICAL
	comfort   = v1.EventClass_EVENT_CLASS_TECHNICAL_COMFORT
	mains     = v1.EventClass_EVENT_CLASS_MAINS
	battery   = v1.EventClass_EVENT_CLASS_BATTERY
	comms     = v1.EventClass_EVENT_CLASS_COMMUNICATION
	zoneFault = v1.EventClass_EVENT_CLASS_ZONE_FAULT
	testClass = v1.EventClass_EVENT_CLASS_TEST
	info      = v1.EventClass_EVENT_CLASS_INFORMATION
)

// siaCodes: what DC-03 codes mean. "raise" codes and those that end them.
//
// Source: the code tables of siadc09 1.0.1, which cite SIA DC-03-2017; where
// they say nothing of a class, ours is marked "default, unverified".
var siaCodes = []struct {
	raise, restore []string
	class          v1.EventClass
	kind           Kind
}{
	// Life and fire.
	{[]string{"MA"}, []string{"MH", "MR"}, medical, KindAlarm},
	{[]string{"QA"}, []string{"QH", "QR"}, medical, KindAlarm},
	{[]string{"FA"}, []string{"FH", "FR"}, fire, KindAlarm},
	{[]string{"SA"}, []string{"SH", "SR"}, sprinkler, KindAlarm},
	{[]string{"KA"}, []string{"KH", "KR"}, fire, KindAlarm}, // heat: class default, unverified
	{[]string{"GA"}, []string{"GH", "GR"}, gas, KindAlarm},
	// People under threat.
	{[]string{"PA"}, []string{"PH", "PR"}, holdUp, KindAlarm},
	{[]string{"HA", "HV"}, []string{"HH", "HR"}, holdUp, KindAlarm},
	// Intrusion.
	{[]string{"BA", "BG"}, []string{"BH", "BR"}, intrusion, KindAlarm}, // BG, unverified intrusion: class default, unverified
	{[]string{"BV"}, nil, confirmed, KindAlarm},
	{[]string{"EA"}, nil, intrusion, KindAlarm},
	{[]string{"BC", "OC"}, nil, intrusion, KindCancel},
	{[]string{"TA"}, []string{"TR"}, tamper, KindTamper},
	{[]string{"JA"}, nil, tamper, KindTamper},
	// Technical alarms.
	{[]string{"UA"}, []string{"UH", "UR"}, critical, KindAlarm}, // untyped: class default, unverified
	{[]string{"WA"}, []string{"WH", "WR"}, critical, KindAlarm}, // water: class default, unverified
	{[]string{"ZA"}, []string{"ZH", "ZR"}, comfort, KindAlarm},  // freezing: class default, unverified
	// Faults.
	{[]string{"AT"}, []string{"AR"}, mains, KindFault},
	{[]string{"YT", "YM"}, []string{"YR"}, battery, KindFault},
	{[]string{"XT"}, []string{"XR"}, battery, KindFault},
	{[]string{"YP"}, []string{"YQ"}, critical, KindFault},
	{[]string{"YX"}, []string{"YZ"}, zoneFault, KindFault},
	{[]string{"XQ"}, []string{"XH"}, jamming, KindFault},
	{[]string{"YC", "YS"}, []string{"YK"}, comms, KindFault},
	{[]string{"LT"}, []string{"LR"}, comms, KindFault},
	{[]string{"FT"}, []string{"FJ"}, zoneFault, KindFault},
	{[]string{"PT"}, []string{"PJ"}, zoneFault, KindFault},
	{[]string{"HT"}, []string{"HJ"}, zoneFault, KindFault},
	{[]string{"BT"}, []string{"BJ"}, zoneFault, KindFault},
	// Openings and closings.
	{[]string{"OP", "OA", "OB", "OQ", "OS", "OK", "OJ"}, nil, info, KindDisarm},
	{[]string{"OR"}, nil, info, KindDisarmAfterAlarm},
	{[]string{"CL", "CA", "CB", "CQ", "CS", "CK", "CJ", "CR"}, nil, info, KindArm},
	{[]string{"CG", "NL"}, nil, info, KindArmPart},
	{[]string{"CF"}, nil, info, KindArmForced},
	// The panel's own schedule watch: Vigie keeps one itself. OT is late to
	// close, CT late to open: the letters mislead.
	{[]string{"CI", "OI", "OT", "CT", "EE", "NA"}, nil, info, KindInformation},
	// Bypass.
	{[]string{"BB", "FB"}, []string{"BU", "FU"}, info, KindBypass},
	// Tests.
	{[]string{"RP"}, nil, testClass, KindTestPeriodic},
	{[]string{"RX", "TX", "BX", "FX", "TP", "TS", "TE"}, nil, testClass, KindTest},
	{[]string{"RR", "JT", "LB", "LX", "RB", "RS"}, nil, info, KindInformation},
}

// cidCodes: what Contact ID codes mean; qualifier 3 restores, except for
// openings and closings, where 1 opens and 3 closes.
//
// Source: the public Contact ID lists (DC-05-2016 as siadc09 1.0.1 cites it,
// except for its restoral qualifier, which is 3), paired with SIA by
// pysiaalarm 3.2.2.
var cidCodes = []struct {
	codes []string
	class v1.EventClass
	kind  Kind
}{
	{[]string{"100", "101", "102", "103"}, medical, KindAlarm},
	{[]string{"110", "111", "112", "115", "117", "118", "114"}, fire, KindAlarm},
	{[]string{"113"}, sprinkler, KindAlarm},
	{[]string{"120", "122", "123", "124", "125", "129", "146"}, holdUp, KindAlarm},
	{[]string{"121"}, duress, KindAlarm},
	{[]string{"130", "131", "132", "133", "134", "135", "136", "138", "140", "374", "378"}, intrusion, KindAlarm},
	{[]string{"139"}, confirmed, KindAlarm},
	{[]string{"137", "144", "145", "341", "383"}, tamper, KindTamper},
	{[]string{"421", "461"}, tamper, KindTamper},
	{[]string{"151", "162"}, gas, KindAlarm},
	{[]string{"150", "154", "158"}, critical, KindAlarm},
	{[]string{"159"}, comfort, KindAlarm},
	{[]string{"301"}, mains, KindFault},
	{[]string{"302", "309", "311", "384"}, battery, KindFault},
	{[]string{"312"}, critical, KindFault},
	{[]string{"344"}, jamming, KindFault},
	{[]string{"350", "351", "352", "353", "354", "355", "356", "357", "358"}, comms, KindFault},
	{[]string{"300", "303", "304", "306", "307", "308", "310", "373", "375", "376", "377", "380"}, zoneFault, KindFault},
	{[]string{"406"}, intrusion, KindCancel},
	{[]string{"400", "401", "402", "403", "407", "408", "409", "451", "452"}, info, KindArm},
	{[]string{"441", "456"}, info, KindArmPart},
	{[]string{"453", "454", "457", "412", "625", "627", "628", "654", "305"}, info, KindInformation},
	{[]string{"459"}, info, KindInformation},
	{[]string{"570", "571", "573", "575"}, info, KindBypass},
	{[]string{"602"}, testClass, KindTestPeriodic},
	{[]string{"601", "604", "607", "608", "611", "612", "613", "614", "615"}, testClass, KindTest},
}

var (
	siaMeanings = indexSIA()
	cidMeanings = indexCID()
)

func indexSIA() map[string]Meaning {
	m := make(map[string]Meaning, 256)
	for _, row := range siaCodes {
		for _, c := range row.raise {
			m[c] = Meaning{Class: row.class, Kind: row.kind}
		}
		for _, c := range row.restore {
			m[c] = Meaning{Class: row.class, Kind: row.kind, Restore: true}
		}
	}
	return m
}

func indexCID() map[string]Meaning {
	m := make(map[string]Meaning, 256)
	for _, row := range cidCodes {
		for _, c := range row.codes {
			m[c] = Meaning{Class: row.class, Kind: row.kind}
		}
	}
	return m
}

// SIAMeaning tells what a DC-03 code says; false for a code no table here has.
func SIAMeaning(code string) (Meaning, bool) {
	m, ok := siaMeanings[code]
	return m, ok
}

// CIDMeaning tells what a Contact ID event says; false for a code no table here
// has. "Still present" reads as raised.
func CIDMeaning(e CIDEvent) (Meaning, bool) {
	m, ok := cidMeanings[e.Code]
	if !ok {
		return Meaning{}, false
	}
	restore := e.Qualifier == CIDRestore
	switch m.Kind {
	case KindArm, KindArmPart:
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

// ByUser tells whether the address of such a code is a person's number rather
// than a zone's.
func (k Kind) ByUser() bool {
	switch k {
	case KindCancel, KindArm, KindArmPart, KindArmForced, KindDisarm, KindDisarmAfterAlarm:
		return true
	case KindInformation, KindAlarm, KindFault, KindTamper, KindBypass, KindTest, KindTestPeriodic:
		return false
	}
	return false
}

// Address is what the characters after a DC-03 code number.
type Address uint8

// The addresses that matter to a site; doors, devices and the like read as zones.
const (
	AddressZone Address = iota
	AddressUser
	AddressArea
)

// What follows each code, from the tables of siadc09 1.0.1 (DC-03-2017), and,
// for CG and CJ, on which my-dc09-spt 0.2.2 says area and user: siadc09.
const (
	siaByUser = " BC CE CF CG CK CL CP CQ CR DA DB EE JD JH JK JP JS JT JV JX JY JZ OC OH OJ OK OL OP OQ OR OT RX "
	siaByArea = " BV CA CD CI CJ CT CW FI FK JA JR NF NL NM OA OG OI "
)

// SIAAddress tells what the address of a DC-03 code of two letters numbers.
func SIAAddress(code string) Address {
	switch {
	case strings.Contains(siaByUser, " "+code+" "):
		return AddressUser
	case strings.Contains(siaByArea, " "+code+" "):
		return AddressArea
	}
	return AddressZone
}
