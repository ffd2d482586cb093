package panel

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// frame encodes one; with a key encrypted.
func frame(t *testing.T, f dc09.Frame, key *dc09.Key) string {
	t.Helper()
	wire, err := dc09.Append(nil, f)
	if key != nil {
		wire, err = dc09.AppendSealed(nil, f, key, dc09.Pad{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(wire)
}

func TestDecodeSaysWhatMatters(t *testing.T) {
	alarm := dc09.Frame{Token: dc09.TokenSIA, Sequence: 1, Account: "1234", Data: []byte("#1234|Ori1/id3/BA01^Entr\xe9e\x1b^"), SentAtMS: 1_795_441_512_000,
		Extended: []byte("[H13:44:00,11-23-2026][M0026b9e4268b][Kabcdef][B12]")}
	other, err := dc09.ParseKey(strings.Repeat("FF", 32))
	if err != nil {
		t.Fatal(err)
	}
	sealed := frame(t, alarm, testKey)
	for _, c := range []struct {
		name, wire string
		keys       []*dc09.Key
		en, fr     []string
	}{
		{"an alarm", frame(t, alarm, nil), nil,
			[]string{"token     SIA-DCS\n", "account   1234\n", "sent      2026-11-23 13:45:12 UTC\n", `field     'H' Time of Occurrence: 2026-11-23 13:44:00 UTC`,
				`field     'M' MAC Address: "0026b9e4268b"`, `field     'K' Encryption Key: a key, not shown`, `field     'B' of no edition of the standard: "12"`,
				`event     SIA BA: alarm, intrusion, reported late, area 1, zone 01, user 3, text "Entrée\x1b" (Burglary Alarm)` + "\n"},
			[]string{"jeton      SIA-DCS\n", "envoyé     2026-11-23 13:45:12 UTC\n", `champ      'M' adresse MAC : "0026b9e4268b"`, `clé de chiffrement : une clé, non affichée`,
				`événement  SIA BA : alarme, intrusion, transmis en retard, partition 1, zone 01, utilisateur 3, texte "Entrée\x1b" (Burglary Alarm)` + "\n"}},
		{"encrypted, no key", sealed, nil, []string{"token     SIA-DCS, encrypted: only the header is clear\n", "account   1234\n"}, []string{"chiffrée : seul l'en-tête est en clair"}},
		{"encrypted, another key", sealed, []*dc09.Key{other}, []string{"account   1234\n", "not opened: wrong-key"}, []string{"aucune des clés ne donne un texte"}},
		{"encrypted, the second key", sealed, []*dc09.Key{other, testKey}, []string{"SIA-DCS, encrypted, opened with an AES-128 key\n", "SIA BA: alarm"}, []string{"ouverte avec une clé AES-128", "SIA BA : alarme"}},
		{"Contact ID", `84A80029"ADM-CID"0002R1L1#1234[#1234|1130 01 003]`, nil, []string{"receiver  1\n", "event     CID 1130: alarm, intrusion, area 01, zone 003 (Burglary)\n"}, []string{"CID 1130 : alarme, intrusion, partition 01, zone 003"}},
		{"Contact ID, by a user", frame(t, dc09.Frame{Token: dc09.TokenCID, Data: []byte("#1|3401 01 003")}, nil), nil,
			[]string{"CID 3401: armed, information, area 01, user 003"}, []string{"CID 3401 : mise en service, information, partition 01, utilisateur 003"}},
		{"a restoral", frame(t, dc09.Frame{Token: dc09.TokenCID, Data: []byte("#1|3301 00 000")}, nil), nil, []string{"fault, mains, restored"}, []string{"défaut, secteur, retour à la normale"}},
		{"an unknown code", frame(t, dc09.Frame{Token: dc09.TokenSIA, Data: []byte("NQQ1")}, nil), nil, []string{"SIA QQ: unknown code, kept verbatim, zone 1\n"}, []string{"SIA QQ : code inconnu, gardé tel quel, zone 1\n"}},
		{"data that is no event", frame(t, dc09.Frame{Token: dc09.TokenSIA, Data: []byte("!")}, nil), nil, []string{`data      "!", kept verbatim: `}, []string{`données    "!", gardées telles quelles : `}},
		{"a wrong CRC", `0EF20013"NULL"0000L0#1234[]`, nil, []string{"not a frame: bad-crc at byte 0: the CRC says 0EF2, the body gives 1EF2", "CRC       should be 1EF2, the frame says 0EF2\n", "put right it reads:", "link test"}, []string{"ce n'est pas une trame : bad-crc à l'octet 0 : le CRC annoncé n'est pas celui du contenu", "CRC        devrait être 1EF2, la trame dit 0EF2\n"}},
		{"a wrong length", `1EF20016"NULL"0000L0#1234[]`, nil, []string{"bad-length at byte 4", "length    should be 0013, the frame says 0016\n", "account   1234"}, []string{"longueur   devrait être 0013, la trame dit 0016\n"}},
		{"a length in decimal", `1EF20019"NULL"0000L0#1234[]`, nil, []string{"needs     receiver.decimal_length_lines: without it"}, []string{"exige      receiver.decimal_length_lines : sans ce réglage"}},
		{"half a frame", `1EF20013"NULL"00`, nil, []string{"bad-length", "length    should be 0008"}, []string{"longueur"}},
		{"no frame at all", `hello`, nil, []string{"not a frame: bad-syntax"}, []string{"ce n'est pas une trame"}},
		{"a link test", `1EF20013"NULL"0000L0#1234[]`, nil, []string{"event     link test\n"}, []string{"événement  test de liaison\n"}},
		{"an older format", frame(t, dc09.Frame{Token: "ADM-41E", Data: []byte("12 3")}, nil), nil, []string{"a format of older dialers (Ademco 4-1 Express)", `data      "12 3"`}, []string{"format d'anciens transmetteurs (Ademco 4-1 Express)"}},
		{"an odd stamp", string(wire(`"NULL"0000L0#1234[]_yesterday`)), nil, []string{"no time stamp"}, []string{"n'est pas un horodatage"}},
	} {
		for lang, want := range map[string][]string{"en": c.en, "fr": c.fr} {
			got := Decode([]byte(c.wire), lang, c.keys...)
			for _, w := range want {
				if !strings.Contains(got, w) {
					t.Errorf("%s, %s: %q is missing in\n%s", c.name, lang, w, got)
				}
			}
			if strings.Contains(got, "abcdef") || strings.Contains(got, "0001020304") || strings.ContainsRune(got, 0x1b) {
				t.Errorf("%s, %s: a key, or what steers a terminal, in\n%s", c.name, lang, got)
			}
		}
	}
}

// wire frames a body.
func wire(body string) []byte {
	return fmt.Appendf(nil, "\n%04X%04X%s\r", dc09.CRC([]byte(body)), len(body), body)
}

// TestFrenchIsWhole: a kind, class, field or reason without a word would say nothing.
func TestFrenchIsWhole(t *testing.T) {
	for kind := dc09.KindInformation; kind <= dc09.KindTestPeriodic; kind++ {
		if french.kinds[kind] == "" {
			t.Errorf("kind %d has no French", kind)
		}
	}
	for class := range vigiev1.EventClass_name {
		switch c := vigiev1.EventClass(class); c {
		case vigiev1.EventClass_EVENT_CLASS_UNSPECIFIED, vigiev1.EventClass_EVENT_CLASS_NOT_CONFIGURED: // no code has them
		default:
			if french.classes[c] == "" {
				t.Errorf("%s has no French", c)
			}
		}
	}
	for label := byte('A'); label <= 'Z'; label++ {
		if _, ok := dc09.FieldMeaning(label); ok != (french.names[label] != "") {
			t.Errorf("field %c: French %q", label, french.names[label])
		}
	}
	for _, reason := range []dc09.Reason{dc09.ReasonBadCRC, dc09.ReasonBadLength, dc09.ReasonBadSyntax, dc09.ReasonOversized, dc09.ReasonJunk, dc09.ReasonHalfFrame, dc09.ReasonEncrypted, dc09.ReasonBadCipher, dc09.ReasonWrongKey} {
		if french.reasons[reason] == "" {
			t.Errorf("%s has no French", reason)
		}
	}
}

// TestStampAgainstTheWindow: the edges of the window, and what follows from it.
func TestStampAgainstTheWindow(t *testing.T) {
	came := time.UnixMilli(1_795_441_512_000)
	for _, c := range []struct {
		behind time.Duration
		key    *dc09.Key
		in     bool
		en, fr string
	}{
		{40 * time.Second, nil, true, ", 40s behind (within the window", ", en retard de 40s (dans la fenêtre"},
		{41 * time.Second, nil, false, "in clear it is taken, except on lines of receiver.check_stamp_lines", "en clair elle est acceptée"},
		{41 * time.Second, testKey, false, "so it is answered NAK", "la réponse est donc NAK"},
		{-20 * time.Second, nil, true, ", 20s ahead (within", ", en avance de 20s (dans"},
		{-21 * time.Second, nil, false, ", 21s ahead: outside", ", en avance de 21s : hors"},
	} {
		wire := frame(t, dc09.Frame{Token: dc09.TokenNull, Account: "1234", SentAtMS: came.Add(-c.behind).UnixMilli()}, c.key)
		x := Read([]byte(wire), came, func(uint32, string) []*dc09.Key { return []*dc09.Key{testKey} })
		if s := x.Content.Stamp; *s.InWindow != c.in || *s.OffByMS != -c.behind.Milliseconds() {
			t.Errorf("%s behind: %+v", c.behind, s)
		}
		if en, fr := x.Text("en"), x.Text("fr"); !strings.Contains(en, c.en) || !strings.Contains(fr, c.fr) {
			t.Errorf("%s behind: %s%s", c.behind, en, fr)
		}
	}
}

// TestExplanationForPrograms: what --json and the API say.
func TestExplanationForPrograms(t *testing.T) {
	wire := frame(t, dc09.Frame{Token: dc09.TokenSIA, Sequence: 7, Line: 2, Account: "12AB", Data: []byte("#12AB|Nri1BR012"), Extended: []byte("[G2][K00112233]"), SentAtMS: 1_795_441_512_000}, testKey)
	x := Read([]byte(wire), time.Time{}, func(line uint32, account string) []*dc09.Key {
		if line != 2 || account != "12AB" {
			t.Errorf("keys of %d %s were asked for", line, account)
		}
		return []*dc09.Key{testKey}
	})
	b, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"token":"SIA-DCS","encrypted":true,"sequence":7,"line":2,"account":"12AB"`, `"opened_with_bits":128,"path":2`,
		`{"format":"SIA","code":"BR","name":"Burglary Restoral","known":true,"kind":"alarm","class":"intrusion","restored":true,"area":"1","zone":"012"}`,
		`{"label":"K","name":"Encryption Key","hidden":true}`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s is missing in %s", want, b)
		}
	}
	if strings.Contains(string(b), "00112233") {
		t.Errorf("a key in %s", b)
	}
	if got := Shown([]byte("\n1EF2\"NULL\"[K00112233]\x1b\r")); got != `\n1EF2"NULL"[K…]\x1b\r` {
		t.Errorf("shown as %s", got)
	}
}
