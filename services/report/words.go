package report

import "strings"

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
	frenchKinds = map[string]string{
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
