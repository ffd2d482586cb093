package alarm

import (
	"fmt"
	"strings"
	"time"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Explain says in one sentence what a detection means and what it was judged by.
// lang is "fr" for French, anything else English.
func Explain(d *vigiev1.Detection, lang string) string {
	if strings.HasPrefix(strings.ToLower(lang), "fr") {
		return explainFrench(d)
	}
	return explainEnglish(d)
}

func explainEnglish(d *vigiev1.Detection) string {
	site := ids.Site(d.GetSite())
	var s string
	switch d.GetKind() {
	case vigiev1.DetectionKind_DETECTION_KIND_PATH_LATE:
		s = fmt.Sprintf("Path %d of %s is late: nothing heard for its interval of %s", d.GetPath(), site, span(d.GetIntervalMs()))
	case vigiev1.DetectionKind_DETECTION_KIND_PATH_LOST:
		s = fmt.Sprintf("Path %d of %s is lost: nothing heard for its interval of %s and a further %s", d.GetPath(), site, span(d.GetIntervalMs()), span(d.GetWindowMs()))
	case vigiev1.DetectionKind_DETECTION_KIND_COMMUNICATION_LOST:
		s = fmt.Sprintf("Communication with %s is lost: every path is silent", site)
	case vigiev1.DetectionKind_DETECTION_KIND_ALARM_STORM:
		s = fmt.Sprintf("Alarm storm at %s: %d alarms, at least %d within %s", site, d.GetEvidenceCount(), d.GetThreshold(), span(d.GetWindowMs()))
	case vigiev1.DetectionKind_DETECTION_KIND_CLOSED_AROUND_THE_CLOCK:
		s = closedEnglish(d, site)
	case vigiev1.DetectionKind_DETECTION_KIND_UNKNOWN_ACCOUNT:
		s = fmt.Sprintf("An account that nobody declared is sending (%d events); it stands as %s until it is bound to a site", d.GetEvidenceCount(), site)
	case vigiev1.DetectionKind_DETECTION_KIND_ANSWER_LATE:
		s = fmt.Sprintf("Incident %s is at risk: not answered within %s", d.GetIncident(), span(d.GetWindowMs()))
	case vigiev1.DetectionKind_DETECTION_KIND_ANSWER_MISSED:
		s = fmt.Sprintf("Incident %s was not answered within %s", d.GetIncident(), span(d.GetWindowMs()))
	case vigiev1.DetectionKind_DETECTION_KIND_BINDING_REFUSED:
		s = fmt.Sprintf("The account of %s already belongs to another site; a second binding was refused", site)
	default:
		s = fmt.Sprintf("A detection of a kind that this release does not know (%d) at %s", d.GetKind(), site)
	}
	if d.GetLastHeardMs() != 0 {
		s += "; last heard " + stamp(d.GetLastHeardMs())
	}
	if d.GetStatus() == vigiev1.DetectionStatus_DETECTION_STATUS_CLOSED {
		s += fmt.Sprintf(". Ended after %s: %s", span(d.GetClosedAtMs()-d.GetOpenedAtMs()), d.GetCloseReason())
	}
	return s + "."
}

func closedEnglish(d *vigiev1.Detection, site string) string {
	if d.GetWindowMs() == 0 {
		return site + " is closed around the clock, as declared"
	}
	return fmt.Sprintf("%s is closed around the clock: armed for at least %s and %d scheduled opening(s) missed", site, span(d.GetWindowMs()), d.GetThreshold())
}

func explainFrench(d *vigiev1.Detection) string {
	site := ids.Site(d.GetSite())
	var s string
	switch d.GetKind() {
	case vigiev1.DetectionKind_DETECTION_KIND_PATH_LATE:
		s = fmt.Sprintf("La voie %d de %s est en retard : rien reçu pendant son intervalle de %s", d.GetPath(), site, span(d.GetIntervalMs()))
	case vigiev1.DetectionKind_DETECTION_KIND_PATH_LOST:
		s = fmt.Sprintf("La voie %d de %s est perdue : rien reçu pendant son intervalle de %s, ni %s de plus", d.GetPath(), site, span(d.GetIntervalMs()), span(d.GetWindowMs()))
	case vigiev1.DetectionKind_DETECTION_KIND_COMMUNICATION_LOST:
		s = fmt.Sprintf("La communication avec %s est perdue : toutes les voies sont muettes", site)
	case vigiev1.DetectionKind_DETECTION_KIND_ALARM_STORM:
		s = fmt.Sprintf("Rafale d'alarmes sur %s : %d alarmes, dont au moins %d en %s", site, d.GetEvidenceCount(), d.GetThreshold(), span(d.GetWindowMs()))
	case vigiev1.DetectionKind_DETECTION_KIND_CLOSED_AROUND_THE_CLOCK:
		s = closedFrench(d, site)
	case vigiev1.DetectionKind_DETECTION_KIND_UNKNOWN_ACCOUNT:
		s = fmt.Sprintf("Un compte que personne n'a déclaré émet (%d événements) ; il figure comme %s jusqu'à son rattachement", d.GetEvidenceCount(), site)
	case vigiev1.DetectionKind_DETECTION_KIND_ANSWER_LATE:
		s = fmt.Sprintf("L'incident %s risque d'être traité hors délai : sans réponse en %s", d.GetIncident(), span(d.GetWindowMs()))
	case vigiev1.DetectionKind_DETECTION_KIND_ANSWER_MISSED:
		s = fmt.Sprintf("L'incident %s est resté sans réponse en %s", d.GetIncident(), span(d.GetWindowMs()))
	case vigiev1.DetectionKind_DETECTION_KIND_BINDING_REFUSED:
		s = fmt.Sprintf("Le compte de %s appartient déjà à un autre site ; un second rattachement a été refusé", site)
	default:
		s = fmt.Sprintf("Détection d'un type inconnu de cette version (%d) sur %s", d.GetKind(), site)
	}
	if d.GetLastHeardMs() != 0 {
		s += " ; dernier signal " + stamp(d.GetLastHeardMs())
	}
	if d.GetStatus() == vigiev1.DetectionStatus_DETECTION_STATUS_CLOSED {
		s += fmt.Sprintf(". Terminée après %s : %s", span(d.GetClosedAtMs()-d.GetOpenedAtMs()), reasonFrench(d.GetCloseReason()))
	}
	return s + "."
}

func closedFrench(d *vigiev1.Detection, site string) string {
	if d.GetWindowMs() == 0 {
		return site + " est fermé 24 h/24, comme déclaré"
	}
	return fmt.Sprintf("%s est fermé 24 h/24 : en service depuis au moins %s, %d ouverture(s) prévue(s) manquée(s)", site, span(d.GetWindowMs()), d.GetThreshold())
}

func reasonFrench(reason string) string {
	if s, ok := frenchReasons[reason]; ok {
		return s
	}
	return reason
}

var frenchReasons = map[string]string{
	closedRestored:      "rétablie",
	closedOurDelay:      "retard de notre côté",
	closedLost:          "devenue perdue",
	closedNotSupervised: "n'est plus supervisée",
	closedDisarmed:      "mise hors service",
	closedLifted:        "levée",
	closedRateFell:      "le rythme est retombé",
	closedAnswered:      "répondu",
	closedMissed:        "délai dépassé",
	closedIncident:      "incident clos",
	closedBound:         "compte rattaché",
	closedUnbound:       "compte détaché",
	closedDeclared:      "site déclaré",
	closedSilent:        "plus rien reçu",
	closedExpired:       "échue",
}

// span shows a duration in ms with at most two units: 24 h, 1 h 30 min, 7 s.
func span(ms int64) string {
	units := []struct {
		ms   int64
		name string
	}{{day, "d"}, {hour, "h"}, {minute, "min"}, {second, "s"}, {1, "ms"}}
	if ms < 2*day {
		units = units[1:]
	}
	var parts []string
	for _, u := range units {
		if n := ms / u.ms; n > 0 && len(parts) < 2 {
			parts = append(parts, fmt.Sprintf("%d %s", n, u.name))
			ms -= n * u.ms
		}
	}
	if len(parts) == 0 {
		return "0 s"
	}
	return strings.Join(parts, " ")
}

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05 UTC") }
