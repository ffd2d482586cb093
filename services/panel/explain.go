package panel

import (
	"fmt"
	"time"
)

// Explain says in one sentence what an answer means, in French for "fr" and in
// English for any other language.
func Explain(a Answer, lang string) string {
	fr := lang == "fr"
	who := fmt.Sprintf("#%s", a.Account)
	switch {
	case (a.Kind == ACK || a.Kind == RSP) && fr:
		return fmt.Sprintf("%s%s : le message %04d de %s est écrit durablement dans le journal (%s, %d envoi(s)).", a.Kind, part(" ", sealedWord(a, "chiffré")), a.Sequence, who, a.Elapsed.Round(time.Millisecond), a.Tries)
	case a.Kind == ACK || a.Kind == RSP:
		return fmt.Sprintf("%s%s: message %04d of %s is durable in the log (%s, sent %d time(s)).", a.Kind, part(", ", sealedWord(a, "encrypted")), a.Sequence, who, a.Elapsed.Round(time.Millisecond), a.Tries)
	case a.Kind == NAK && a.ReceiverClockMS == 0 && fr:
		return fmt.Sprintf("NAK sans heure : le récepteur refuse le message de %s ; certains répondent ainsi pour un compte qu'ils ne connaissent pas.", who)
	case a.Kind == NAK && a.ReceiverClockMS == 0:
		return fmt.Sprintf("NAK without a clock: the receiver refuses the message of %s; some answer so for an account that they do not know.", who)
	case a.Kind == NAK && fr:
		return fmt.Sprintf("NAK : l'horodatage du message de %s est hors de la fenêtre du récepteur, dont l'horloge indique %s ; corriger l'heure et renvoyer.", who, utc(a.ReceiverClockMS))
	case a.Kind == NAK:
		return fmt.Sprintf("NAK: the time stamp of the message of %s is outside the receiver's window; its clock says %s: correct the time and send again.", who, utc(a.ReceiverClockMS))
	case a.Kind == DUH && fr:
		return fmt.Sprintf("DUH : le récepteur a compris la trame %04d de %s mais ne sait pas traiter ce format ; rien n'a été enregistré.", a.Sequence, who)
	case a.Kind == DUH:
		return fmt.Sprintf("DUH: the receiver understood frame %04d of %s but cannot handle its format; nothing was kept.", a.Sequence, who)
	case fr:
		return "Pas de réponse : rien ne prouve que le message soit arrivé ; il faut le renvoyer ou passer par l'autre voie."
	}
	return "No answer: nothing proves that the message arrived; send it again, or by the other path."
}

func sealedWord(a Answer, word string) string {
	if a.Encrypted {
		return word
	}
	return ""
}
