package report

import (
	"fmt"
	"strings"
)

// The French names of what the tables say; English ones are the names themselves.
var (
	frenchClasses = map[string]string{
		"hold_up": "Agression", "duress": "Contrainte", "fire": "Incendie", "sprinkler": "Sprinkler", "medical": "Appel médical", "lone_worker": "Travailleur isolé",
		"gas": "Gaz", "tamper": "Autoprotection", "jamming": "Brouillage", "substitution": "Substitution", "intrusion": "Intrusion", "intrusion_confirmed": "Intrusion confirmée",
		"technical_critical": "Technique critique", "technical_comfort": "Technique", "mains": "Secteur", "battery": "Batterie", "communication": "Communication",
		"zone_fault": "Défaut de zone", "test": "Essai", "information": "Information", "not_configured": "Événement non paramétré", "opening_closing": "Ouverture ou fermeture",
	}
	frenchOutcomes = map[string]string{
		"burglary": "Effraction", "attempt": "Tentative", "hold_up": "Agression", "fire": "Incendie", "user_error": "Erreur utilisateur", "technical_fault": "Défaut technique",
		"works_or_visit": "Travaux ou passage", "animal_or_weather": "Animal ou météo", "unannounced_test": "Essai non annoncé", "power_cut": "Coupure",
		"undetermined": "Indéterminée", "on_test": "En essai",
	}
	frenchClosures = map[string]string{"detected": "Détectée", "declared": "Déclarée", "end_to_confirm": "Fin à confirmer"}
	frenchKinds    = map[string]string{
		"path_late": "Liaison en retard", "path_lost": "Liaison perdue", "communication_lost": "Site injoignable", "alarm_storm": "Rafale d’alarmes",
		"closed_around_the_clock": "Fermé en continu", "unknown_account": "Compte inconnu", "answer_late": "Réponse en retard",
		"answer_missed": "Délai dépassé", "binding_refused": "Compte déjà rattaché",
		"late_to_close": "Non mis en service", "late_to_open": "Ouverture en retard", "early_opening": "Ouverture anticipée",
		"opening_outside_hours": "Ouverture hors horaires", "opening_at_closed_site": "Ouverture d’un site fermé",
		"closed_not_protected": "Site fermé non protégé", "closed_without_consigne": "Site fermé sans consigne",
		"consigne_about_to_expire": "Consigne bientôt échue", "closed_unreachable": "Site fermé injoignable",
		"closure_end_due": "Fin de fermeture proche", "reopening_incomplete": "Réouverture incomplète", "consigne_changed": "Consigne modifiée",
		"consignes_conflict": "Consignes en conflit", "runaway_zone": "Détecteur en défaut", "chattering_zone": "Zone qui bat",
		"path_flapping": "Liaison instable", "path_degraded": "Liaison dégradée", "suspected_sabotage": "Sabotage présumé",
		"mains_lost": "Coupure secteur", "battery_autonomy": "Sur batterie", "interval_not_agreed": "Intervalle non convenu",
		"confirmed_alarm": "Alarme confirmée", "police_call_without_ground": "Appel sans motif", "claimed_idle": "Sans action",
		"protection_not_restored": "Remise en état due", "left_on_test": "Essai non levé", "frequent_tests": "Essais fréquents",
		"test_at_closed_or_high_risk": "Essai sensible", "test_incomplete": "Essai incomplet", "test_missed": "Test cyclique manqué",
		"guard_late": "Agent en retard", "onboarding_stuck": "Raccordement bloqué", "commissioning_incomplete": "Mise en service incomplète",
		"mass_communication_loss": "Perte de liaison en masse", "mass_mains_loss": "Coupure secteur en masse",
		"group_alarm_storm": "Avalanche d’alarmes d’un groupe", "closure_wave": "Vague de fermetures",
		"onboarding_surge": "Afflux de raccordements", "call_surge": "Afflux d’appels",
		"alarm_flood": "Flux d’alarmes d’un opérateur", "overload": "Surcharge", "under_staffed_shift": "Équipe en sous-effectif",
		"staff_needed": "Effectif nécessaire", "receivers_silent": "Interruption de notre côté",
		"receiver_lost": "Frontal perdu", "ingress_blind": "Réception tarie",
	}
)

// The notes that both the page and the paper hold.
const (
	answersNote = "Answered is claimed and first act. 80 % of a class are to be answered within its first figure, 98.5 % within its second (below 67 incidents none may miss it). Incidents opened in the period count; those on test and those closed by the policy do not."
	lossNote    = "A loss counts from its detection; outages of our own are not charged to sites."
)

// notCountedNote is beside the list of incidents.
const notCountedNote = "Not counted: on test, closed by the policy, or its time still ran at the end. An outcome is of those closed in the period."

// answerPhrases say how an incident was answered.
var answerPhrases = map[string]string{
	"within_first": "within the first figure", "within_second": "within the second", "missed": "past the second", "not_counted": "not counted",
}

// frenchPhrases are the report's own words.
var frenchPhrases = map[string]string{
	"in 1st": "au 1er", "in 2nd": "au 2e", // figure, where the table is narrow
	"Service report":                               "Rapport de service",
	"Provisional: the warehouse had come to":       "Provisoire : l’entrepôt de données était arrivé au",
	", before the end of the period.":              ", avant la fin de la période.",
	"classes whose answer times were reached":      "classes dont les délais de réponse sont tenus",
	"of the time sites could be heard":             "du temps, les sites étaient joignables",
	"sites closed around the clock at the end, of": "sites fermés en continu à la fin, sur",
	"of the alarms came from closed sites":         "des alarmes venaient de sites fermés",
	"Answer times":                                 "Délais de réponse",
	answersNote:                                    "Répondu : pris en compte et premier acte. 80 % d’une classe doivent l’être dans le premier délai, 98,5 % dans le second (sous 67 incidents, aucun dépassement n’est admis). Comptent les incidents ouverts dans la période ; ceux en essai et ceux clos par le barème ne comptent pas.",
	"Class":                                        "Classe",
	"incidents":                                    "incidents",
	"within the first figure":                      "dans le premier délai",
	"within the second":                            "dans le second",
	"missed, of allowed":                           "dépassés, sur admis",
	"p98.5":                                        "p98,5",
	"slowest":                                      "le plus long",
	"reached":                                      "tenu",
	"missed":                                       "non tenu",
	"No incident was opened in the period.":        "Aucun incident n’a été ouvert dans la période.",
	"No alarm was accepted in the period.":         "Aucune alarme n’a été acceptée dans la période.",
	"Provisional: nothing of the period's last day has come yet.": "Provisoire : rien n’est encore arrivé du dernier jour de la période.",
	"Alarms a day":                    "Alarmes par jour",
	"What incidents turned out to be": "Issue des incidents",
	"closed":                          "clos",
	"outcomes":                        "issues",
	"Communication with the sites":    "Communication avec les sites",
	"lost communications at":          "communications perdues sur",
	"sites, for":                      "sites, pendant",
	"in all, the longest for":         "au total, la plus longue",
	lossNote:                          "Une perte compte depuis sa détection ; nos propres pannes ne sont pas imputées aux sites.",
	"What was detected":               "Détections",
	"Detection":                       "Détection",
	"opened":                          "ouvertes",
	"site":                            "site",
	"sites":                           "sites",
	"Sites":                           "Sites",
	"Site":                            "Site",
	"Incidents":                       "Incidents",
	"opened at":                       "ouvert le",
	"answer":                          "réponse",
	"after":                           "après",
	"outcome":                         "issue",
	"past the second":                 "au-delà du second",
	"not counted":                     "ne compte pas",
	notCountedNote:                    "Ne compte pas : en essai, clos par le barème, ou délai encore ouvert à la fin. L’issue est celle des incidents clos dans la période.",
	"No communication was lost.":      "Aucune communication n’a été perdue.",
	"Lost communications":             "Communications perdues",
	"Closures around the clock":       "Fermetures continues",
	"closure":                         "fermeture",
	"from":                            "du",
	"to":                              "au",
	"in the period":                   "dans la période",
	"before":                          "avant le",
	"lasts":                           "dure encore",
	"Cut after":                       "Coupé après",
	"lines: there are more.":          "lignes : il y en a d’autres.",
}

// phrase is one of the report's own words as people read it; an error for one that
// has no French.
func phrase(english, lang string) (string, error) {
	french, ok := frenchPhrases[english]
	switch {
	case !ok:
		return "", fmt.Errorf("%q has no French", english)
	case lang == "fr":
		return french, nil
	}
	return english, nil
}

// shown is a name of the tables as people read it.
func shown(name, lang string, french map[string]string) string {
	if name == "" {
		return "–"
	}
	if word := french[name]; word != "" && lang == "fr" {
		return word
	}
	words := strings.ReplaceAll(name, "_", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}
