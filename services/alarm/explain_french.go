package alarm

import (
	"fmt"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// french has a sentence for each kind.
var french = map[vigiev1.DetectionKind]sentence{
	vigiev1.DetectionKind_DETECTION_KIND_PATH_LATE: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("La voie %d de %s est en retard : rien reçu pendant son intervalle de %s", d.GetPath(), site, span(d.GetIntervalMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_PATH_LOST: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("La voie %d de %s est perdue : rien reçu pendant son intervalle de %s, ni %s de plus", d.GetPath(), site, span(d.GetIntervalMs()), span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_COMMUNICATION_LOST: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("La communication avec %s est perdue : toutes les voies sont muettes%s", site, after(", ", factsIn(d, frenchFacts)))
	},
	vigiev1.DetectionKind_DETECTION_KIND_ALARM_STORM: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("Rafale d'alarmes sur %s : %d alarmes, dont au moins %d en %s", site, d.GetEvidenceCount(), d.GetThreshold(), span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_CLOSED_AROUND_THE_CLOCK: closedFrench,
	vigiev1.DetectionKind_DETECTION_KIND_UNKNOWN_ACCOUNT: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("Un compte que personne n'a déclaré émet (%d événements) ; il figure comme %s jusqu'à son rattachement", d.GetEvidenceCount(), site)
	},
	vigiev1.DetectionKind_DETECTION_KIND_ANSWER_LATE: func(d *vigiev1.Detection, _ string) string {
		return fmt.Sprintf("L'incident %s risque d'être traité hors délai : sans réponse en %s", d.GetIncident(), span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_ANSWER_MISSED: func(d *vigiev1.Detection, _ string) string {
		return fmt.Sprintf("L'incident %s est resté sans réponse en %s", d.GetIncident(), span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_BINDING_REFUSED: func(_ *vigiev1.Detection, site string) string {
		return fmt.Sprintf("Le compte de %s appartient déjà à un autre site ; un second rattachement a été refusé", site)
	},
	vigiev1.DetectionKind_DETECTION_KIND_LATE_TO_CLOSE: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s n'est pas mis en service %s après l'heure de fermeture", site, span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_LATE_TO_OPEN: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s est toujours en service %s après l'heure d'ouverture", site, span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_EARLY_OPENING: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s a été mis hors service plus de %s avant l'heure d'ouverture", site, span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_OPENING_OUTSIDE_HOURS: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s a été mis hors service en dehors de ses horaires, plus de %s avant toute ouverture", site, span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_OPENING_AT_CLOSED_SITE: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s est fermé 24 h/24 et a été mis hors service sans passage annoncé (%d fois)", site, d.GetEvidenceCount())
	},
	vigiev1.DetectionKind_DETECTION_KIND_CLOSED_NOT_PROTECTED: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s est fermé 24 h/24 et non protégé : pas entièrement en service : %s", site, factsIn(d, frenchFacts))
	},
	vigiev1.DetectionKind_DETECTION_KIND_CLOSED_WITHOUT_CONSIGNE: func(_ *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s est fermé 24 h/24 sans aucune consigne en vigueur", site)
	},
	vigiev1.DetectionKind_DETECTION_KIND_CONSIGNE_ABOUT_TO_EXPIRE: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s reste fermé et sa consigne %s prend fin le %s", site, factsIn(d, nil), stamp(d.GetUntilMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_CLOSED_UNREACHABLE: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s est fermé 24 h/24 et injoignable : %s", site, factsIn(d, frenchFacts))
	},
	vigiev1.DetectionKind_DETECTION_KIND_CLOSURE_END_DUE: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("La fermeture de %s prend fin le %s : %s", site, stamp(d.GetUntilMs()), factsIn(d, frenchFacts))
	},
	vigiev1.DetectionKind_DETECTION_KIND_REOPENING_INCOMPLETE: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s a rouvert, il reste à faire : %s", site, factsIn(d, frenchFacts))
	},
	vigiev1.DetectionKind_DETECTION_KIND_CONSIGNE_CHANGED: func(d *vigiev1.Detection, _ string) string {
		return fmt.Sprintf("La consigne de l'incident %s a changé depuis son ouverture", d.GetIncident())
	},
	vigiev1.DetectionKind_DETECTION_KIND_CONSIGNES_CONFLICT: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("Deux consignes de %s ont le même rang : %s", site, factsIn(d, nil))
	},
	vigiev1.DetectionKind_DETECTION_KIND_RUNAWAY_ZONE: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("Détecteur en défaut : zone %s de %s, %d alarmes en %s, toutes levées sans suite : %s", placed(d), site, d.GetThreshold(), span(d.GetWindowMs()), factsIn(d, frenchFacts))
	},
	vigiev1.DetectionKind_DETECTION_KIND_CHATTERING_ZONE: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("La zone %s de %s bat : plus de %d alarmes d'affilée, puis plus d'une par %s", placed(d), site, d.GetThreshold(), span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_PATH_FLAPPING: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("La voie %d de %s est instable : au moins %d changements en %s", d.GetPath(), site, d.GetThreshold(), span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_PATH_DEGRADED: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("La transmission de %s est dégradée : %s, une autre voie transmet", site, factsIn(d, frenchFacts))
	},
	vigiev1.DetectionKind_DETECTION_KIND_SUSPECTED_SABOTAGE: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("Sabotage présumé de %s : %s, en %s", site, factsIn(d, frenchFacts), span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_MAINS_LOST: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s est sans secteur depuis %s", site, span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_BATTERY_AUTONOMY: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s vit sur sa batterie de %s : %s", site, span(d.GetWindowMs()), factsIn(d, frenchFacts))
	},
	vigiev1.DetectionKind_DETECTION_KIND_INTERVAL_NOT_AGREED: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("Aucun intervalle de test cyclique convenu pour %s : %s", site, factsIn(d, frenchFacts))
	},
	vigiev1.DetectionKind_DETECTION_KIND_CONFIRMED_ALARM: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("Alarme confirmée sur %s : %s en moins de %s", site, factsIn(d, frenchFacts), span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_POLICE_CALL_WITHOUT_GROUND: func(d *vigiev1.Detection, _ string) string {
		return fmt.Sprintf("Appel aux forces de l'ordre pour l'incident %s : %s", d.GetIncident(), factsIn(d, frenchFacts))
	},
	vigiev1.DetectionKind_DETECTION_KIND_CLAIMED_IDLE: func(d *vigiev1.Detection, _ string) string {
		return fmt.Sprintf("Incident %s pris en compte, %s, sans action depuis %s", d.GetIncident(), factsIn(d, frenchFacts), span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_PROTECTION_NOT_RESTORED: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s n'est pas remis en état bien que son incident soit clos : %s ; échéance %s", site, factsIn(d, frenchFacts), stamp(d.GetUntilMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_LEFT_ON_TEST: func(_ *vigiev1.Detection, site string) string {
		return fmt.Sprintf("La mise en essai de %s s'est terminée à son échéance, personne ne l'a levée", site)
	},
	vigiev1.DetectionKind_DETECTION_KIND_FREQUENT_TESTS: func(_ *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s est mis en essai trop souvent", site)
	},
	vigiev1.DetectionKind_DETECTION_KIND_TEST_AT_CLOSED_OR_HIGH_RISK: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s est en essai jusqu'au %s : %s", site, stamp(d.GetUntilMs()), factsIn(d, frenchFacts))
	},
	vigiev1.DetectionKind_DETECTION_KIND_TEST_INCOMPLETE: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("Essai de %s terminé sans signal de ces zones : %s", site, factsIn(d, nil))
	},
	vigiev1.DetectionKind_DETECTION_KIND_TEST_MISSED: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("Aucun test cyclique reçu de %s pendant %s, ni %s de plus", site, span(d.GetIntervalMs()), span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_GUARD_LATE: func(d *vigiev1.Detection, _ string) string {
		return fmt.Sprintf("L'agent demandé pour l'incident %s n'est pas arrivé en %s", d.GetIncident(), span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_ONBOARDING_STUCK: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("Le raccordement de %s est %s depuis %s", site, factsIn(d, frenchFacts), span(d.GetWindowMs()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_COMMISSIONING_INCOMPLETE: func(d *vigiev1.Detection, site string) string {
		return fmt.Sprintf("%s a été raccordé avant que les essais de mise en service aient tout montré ; il manque : %s", site, factsIn(d, frenchFacts))
	},
}

func closedFrench(d *vigiev1.Detection, site string) string {
	if d.GetWindowMs() == 0 {
		return site + " est fermé 24 h/24, comme déclaré"
	}
	return fmt.Sprintf("%s est fermé 24 h/24 : en service depuis au moins %s, %d ouverture(s) prévue(s) manquée(s)", site, span(d.GetWindowMs()), d.GetThreshold())
}

// frenchFacts are the words of Detection.facts.
var frenchFacts = map[string]string{
	"requested": "demandé", "scheduled": "planifié", "installed": "installé", "tested": "essayé",
	"area":                "secteur",
	"zone":                "zone",
	"path":                "voie",
	"lost":                "voie perdue :",
	"tamper":              "autoprotection",
	"arming":              "mise en service",
	"disarming":           "mise hors service",
	"held-by":             "par",
	"owner":               "responsable",
	"no-usable-contact":   "aucun contact utilisable",
	"only-on-site":        "uniquement des contacts sur place",
	"nobody-reached":      "personne de joint depuis trop longtemps",
	"first-notice":        "à préparer",
	"last-notice":         "demain au plus tard",
	"end-to-confirm":      "fin à confirmer par une personne",
	"schedule":            "rétablir les horaires",
	"temporary-consigne":  "mettre fin à la consigne temporaire",
	"inhibitions":         "lever les inhibitions",
	"paths":               "éprouver chaque voie",
	"propose-inhibition":  "proposer une inhibition au client",
	"last-of-area":        "dernier détecteur de son secteur, à ne pas inhiber",
	"maintenance-request": "demander une maintenance",
	"tamper-then-silence": "autoprotection puis silence",
	"mains-then-silence":  "coupure secteur puis silence",
	"intrusion-then-loss": "intrusion puis voie perdue",
	"jamming-then-loss":   "brouillage puis voie perdue",
	"loss-then-intrusion": "voie perdue puis intrusion reçue par une autre",
	"half":                "à moitié consommée",
	"exhausted":           "épuisée",
	"no-ground":           "aucun motif donné",
	"no-element":          "aucun élément concret consigné",
	"not-verified":        "sans levée de doute positive auparavant",
	"not-armed":           "pas en service",
	"zone-in-alarm":       "une zone est en alarme",
	"zone-inhibited":      "une zone est inhibée",
	"communication-lost":  "communication perdue",
	"closed":              "le site est fermé 24 h/24",
	"high-risk":           "le site est à haut risque",
	"under-mass":          "prise dans la perte en masse de",
	"given-back":          "toujours perdue après une perte en masse",
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
	closedArmed:         "mise en service",
	closedHours:         "heures d'ouverture",
	closedNextTime:      "horaire suivant atteint",
	closedClosure:       "fermé 24 h/24",
	closedSchedule:      "horaires modifiés",
	closedEnded:         "fermeture terminée",
	closedCalledBack:    "contre-appel fait",
	closedReopened:      "rouvert comme prévu",
	closedConsigne:      "consigne en vigueur",
	closedRenewed:       "renouvelée",
	closedReached:       "joignable",
	closedNotDue:        "plus à échéance",
	closedComplete:      "complète",
	closedApplied:       "appliquée",
	closedResolved:      "réglée",
	closedInhibited:     "zone inhibée",
	closedReturned:      "remis en file",
	closedMerged:        "réunie avec celle du parc",
	"enough present":    "effectif suffisant",
	"listening again":   "à l'écoute de nouveau",
	"no sites":          "plus aucun site",
}
