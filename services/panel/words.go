package panel

import (
	"strings"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// words are what Decode says in one language.
type words struct {
	token, sequence, receiver, lineNumber, account, path, sent, field, eventLabel, dataLabel string
	length, needs                                                                            string
	area, user, zone, text                                                                   string
	noStamp, linkTest, legacy, late, restored, unknown, notShown, otherField                 string
	onlyHeader, openedWith, keptVerbatim                                                     string
	// notAFrame and notOpened take a reason and an offset, shouldBe what is right and
	// what was said.
	notAFrame, notOpened, colon, shouldBe, mended, needsSettings string
	// ahead and behind take a duration; the others go on after it.
	ahead, behind, inWindow, outSealed, outClear string
	// width of the labels' column.
	width int
	// Empty in English, where the codec speaks for itself.
	reasons map[dc09.Reason]string
	kinds   map[dc09.Kind]string
	classes map[vigiev1.EventClass]string
	names   map[byte]string
}

func wordsOf(lang string) words {
	if lang == "fr" {
		return french
	}
	return english
}

var english = words{
	token: "token", sequence: "sequence", receiver: "receiver", lineNumber: "line", account: "account", path: "path",
	sent: "sent", field: "field", eventLabel: "event", dataLabel: "data", width: 10,
	area: "area", user: "user", zone: "zone", text: "text", length: "length", needs: "needs",
	noStamp: "what stands there is no time stamp", linkTest: "link test", legacy: "a format of older dialers (%s), kept verbatim",
	late: "reported late", unknown: "unknown code, kept verbatim", notShown: "a key, not shown", otherField: "of no edition of the standard",
	onlyHeader: "encrypted: only the header is clear", openedWith: "encrypted, opened with an AES-%d key", keptVerbatim: "%q, kept verbatim: ",
	notAFrame: "not a frame: %s at byte %d", notOpened: "not opened: %s at byte %d", colon: ": ",
	shouldBe: "should be %s, the frame says %s", mended: "with these put right it reads:", needsSettings: "%s: without it no line takes this frame",
	ahead: ", %s ahead", behind: ", %s behind", inWindow: " (within the window of -40 s to +20 s)",
	outSealed: ": outside the window of -40 s to +20 s, so it is answered NAK with the receiver's clock",
	outClear:  ": outside the window of -40 s to +20 s; in clear it is taken, except on lines of receiver.check_stamp_lines",
}

var french = words{
	token: "jeton", sequence: "séquence", receiver: "récepteur", lineNumber: "ligne", account: "compte", path: "voie",
	sent: "envoyé", field: "champ", eventLabel: "événement", dataLabel: "données", width: 11,
	area: "partition", user: "utilisateur", zone: "zone", text: "texte", length: "longueur", needs: "exige",
	noStamp: "ce qui s'y trouve n'est pas un horodatage", linkTest: "test de liaison", legacy: "format d'anciens transmetteurs (%s), gardé tel quel",
	late: "transmis en retard", restored: "retour à la normale", unknown: "code inconnu, gardé tel quel", notShown: "une clé, non affichée", otherField: "d'aucune édition de la norme",
	onlyHeader: "chiffrée : seul l'en-tête est en clair", openedWith: "chiffrée, ouverte avec une clé AES-%d", keptVerbatim: "%q, gardées telles quelles : ",
	notAFrame: "ce n'est pas une trame : %s à l'octet %d", notOpened: "non déchiffrée : %s à l'octet %d", colon: " : ",
	shouldBe: "devrait être %s, la trame dit %s", mended: "une fois corrigée, elle se lit ainsi :", needsSettings: "%s : sans ce réglage, aucune ligne n'accepte cette trame",
	ahead: ", en avance de %s", behind: ", en retard de %s", inWindow: " (dans la fenêtre de -40 s à +20 s)",
	outSealed: " : hors de la fenêtre de -40 s à +20 s, la réponse est donc NAK avec l'heure du récepteur",
	outClear:  " : hors de la fenêtre de -40 s à +20 s ; en clair elle est acceptée, sauf sur les lignes de receiver.check_stamp_lines",
	reasons: map[dc09.Reason]string{
		dc09.ReasonBadCRC: "le CRC annoncé n'est pas celui du contenu", dc09.ReasonBadLength: "la longueur annoncée n'est pas celle du contenu",
		dc09.ReasonBadSyntax: "la suite n'est pas celle d'une trame DC-09", dc09.ReasonOversized: "plus longue que la norme ne le permet",
		dc09.ReasonJunk: "ces octets ne commencent pas comme une trame", dc09.ReasonHalfFrame: "la fin de la trame manque",
		dc09.ReasonEncrypted: "la trame est chiffrée", dc09.ReasonBadCipher: "ce qui suit le crochet n'est pas un texte chiffré",
		dc09.ReasonWrongKey: "aucune des clés ne donne un texte qui finit par un horodatage",
	},
	kinds: map[dc09.Kind]string{
		dc09.KindInformation: "information", dc09.KindAlarm: "alarme", dc09.KindCancel: "alarme annulée par un utilisateur",
		dc09.KindArm: "mise en service", dc09.KindArmPart: "mise en service partielle", dc09.KindArmForced: "mise en service forcée",
		dc09.KindDisarm: "mise hors service", dc09.KindDisarmAfterAlarm: "mise hors service après alarme", dc09.KindFault: "défaut",
		dc09.KindTamper: "autoprotection", dc09.KindBypass: "inhibition", dc09.KindTest: "test", dc09.KindTestPeriodic: "test cyclique",
	},
	classes: map[vigiev1.EventClass]string{
		vigiev1.EventClass_EVENT_CLASS_HOLD_UP: "agression", vigiev1.EventClass_EVENT_CLASS_DURESS: "contrainte", vigiev1.EventClass_EVENT_CLASS_FIRE: "incendie",
		vigiev1.EventClass_EVENT_CLASS_SPRINKLER: "extinction automatique", vigiev1.EventClass_EVENT_CLASS_MEDICAL: "appel médical",
		vigiev1.EventClass_EVENT_CLASS_LONE_WORKER: "travailleur isolé", vigiev1.EventClass_EVENT_CLASS_GAS: "gaz", vigiev1.EventClass_EVENT_CLASS_TAMPER: "autoprotection",
		vigiev1.EventClass_EVENT_CLASS_JAMMING: "brouillage radio", vigiev1.EventClass_EVENT_CLASS_SUBSTITUTION: "substitution",
		vigiev1.EventClass_EVENT_CLASS_INTRUSION: "intrusion", vigiev1.EventClass_EVENT_CLASS_INTRUSION_CONFIRMED: "intrusion confirmée",
		vigiev1.EventClass_EVENT_CLASS_TECHNICAL_CRITICAL: "technique critique", vigiev1.EventClass_EVENT_CLASS_TECHNICAL_COMFORT: "technique de confort",
		vigiev1.EventClass_EVENT_CLASS_MAINS: "secteur", vigiev1.EventClass_EVENT_CLASS_BATTERY: "batterie", vigiev1.EventClass_EVENT_CLASS_COMMUNICATION: "communication",
		vigiev1.EventClass_EVENT_CLASS_ZONE_FAULT: "défaut de zone", vigiev1.EventClass_EVENT_CLASS_TEST: "test", vigiev1.EventClass_EVENT_CLASS_INFORMATION: "information",
		vigiev1.EventClass_EVENT_CLASS_OPENING_CLOSING: "ouverture ou fermeture",
	},
	names: map[byte]string{
		'A': "empreinte d'authentification", 'C': "catégorie de surveillance", 'G': "voie", 'H': "heure de l'événement", 'I': "texte de l'alarme",
		'J': "JSON, ou voie", 'K': "clé de chiffrement", 'L': "emplacement", 'M': "adresse MAC", 'N': "adresse réseau", 'O': "bâtiment",
		'P': "données de programmation", 'R': "pièce", 'S': "site", 'T': "origine de l'alarme", 'V': "vérification", 'X': "longitude", 'Y': "latitude", 'Z': "altitude",
	},
}

// meaning says what a code means: "alarm, intrusion", "alarme, intrusion".
func (w words) meaning(e Reported) string {
	m := e.meaning
	switch {
	case !e.Known:
		return w.unknown
	case w.kinds == nil:
		return m.String()
	}
	said := []string{w.kinds[m.Kind], w.classes[m.Class]}
	if said[0] == said[1] {
		said = said[:1]
	}
	if m.Restore {
		said = append(said, w.restored)
	}
	return strings.Join(said, ", ")
}

// fieldName names an extended field.
func (w words) fieldName(f Field) string {
	switch {
	case f.Name == "":
		return w.otherField
	case w.names == nil:
		return f.Name
	}
	return w.names[f.Label[0]]
}

// reason says why something was not understood.
func (w words) reason(f *Fault) string {
	if said, ok := w.reasons[f.Reason]; ok {
		return said
	}
	return f.Detail
}
