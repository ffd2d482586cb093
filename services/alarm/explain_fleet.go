package alarm

import (
	"fmt"
	"strings"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// What the detections of the fleet mean, in both languages; site stands for the group.

var kindsEnglish = map[string]string{
	"carrier": "carrier", "receiver": "receiver group", "line": "line", "region": "region", "installer": "installer",
	"panel-model": "panel model",
}

var kindsFrench = map[string]string{
	"carrier": "l'opérateur", "receiver": "le groupe de frontaux", "line": "la ligne", "region": "la région",
	"installer": "l'installateur", "panel-model": "le modèle de centrale",
}

func groupEnglish(d *vigiev1.Detection) string {
	if kind := kindsEnglish[d.GetGroupKind()]; kind != "" {
		return kind + " " + d.GetGroup()
	}
	return "all sites"
}

func groupFrench(d *vigiev1.Detection) string {
	if kind := kindsFrench[d.GetGroupKind()]; kind != "" {
		return kind + " " + d.GetGroup()
	}
	return "l'ensemble du parc"
}

// after puts words behind others; none are nothing.
func after(between, words string) string {
	if words == "" {
		return ""
	}
	return between + words
}

// usually is the own rate, with one decimal.
func usually(d *vigiev1.Detection) string {
	return fmt.Sprintf("%d.%d", d.GetUsualMilli()/1000, d.GetUsualMilli()%1000/100)
}

// local says, after a sentence, that one partition judged alone.
func local(d *vigiev1.Detection, words string) string {
	for _, f := range d.GetFacts() {
		if f == "local" {
			return words
		}
	}
	return ""
}

// factNamed finds a fact by its head: "backlog-12" is 12 under "backlog".
func factNamed(d *vigiev1.Detection, head string) string {
	for _, f := range d.GetFacts() {
		if name, ok := strings.CutPrefix(f, head+"-"); ok {
			return name
		}
	}
	return "?"
}

var englishFleet = map[vigiev1.DetectionKind]sentence{
	vigiev1.DetectionKind_DETECTION_KIND_MASS_COMMUNICATION_LOSS: func(d *vigiev1.Detection, group string) string {
		if own := local(d, " (found by one partition alone)"); own != "" {
			return fmt.Sprintf("Sites of %s fell silent together, at least %d within %s%s", group, d.GetThreshold(), span(d.GetWindowMs()), own)
		}
		return fmt.Sprintf("%d of %d sites of %s fell silent together within %s; usual are %s; %d are exposed", d.GetCount(), d.GetOf(), group, span(d.GetWindowMs()), usually(d), len(d.GetExposed()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_MASS_MAINS_LOSS: func(d *vigiev1.Detection, group string) string {
		return fmt.Sprintf("The mains of %d of %d sites of %s failed within %s; usual are %s", d.GetCount(), d.GetOf(), group, span(d.GetWindowMs()), usually(d))
	},
	vigiev1.DetectionKind_DETECTION_KIND_GROUP_ALARM_STORM: func(d *vigiev1.Detection, group string) string {
		return fmt.Sprintf("%d alarms of %s within %s; usual are %s", d.GetCount(), group, span(d.GetWindowMs()), usually(d))
	},
	vigiev1.DetectionKind_DETECTION_KIND_CLOSURE_WAVE: func(d *vigiev1.Detection, group string) string {
		return fmt.Sprintf("%d of %d sites of %s began to be closed around the clock within %s; usual are %s", d.GetCount(), d.GetOf(), group, span(d.GetWindowMs()), usually(d))
	},
	vigiev1.DetectionKind_DETECTION_KIND_ONBOARDING_SURGE: func(d *vigiev1.Detection, _ string) string {
		return fmt.Sprintf("%d connections were asked for within %s; usual are %s; %s wait, cleared in days: %s", d.GetCount(), span(d.GetWindowMs()), usually(d), factNamed(d, "backlog"), factNamed(d, "clears"))
	},
	vigiev1.DetectionKind_DETECTION_KIND_CALL_SURGE: func(d *vigiev1.Detection, _ string) string {
		return fmt.Sprintf("%d calls came within %s; usual are %s", d.GetCount(), span(d.GetWindowMs()), usually(d))
	},
	vigiev1.DetectionKind_DETECTION_KIND_ALARM_FLOOD: func(d *vigiev1.Detection, _ string) string {
		return fmt.Sprintf("%s took %d alarms within %s, more than %d", d.GetGroup(), d.GetCount(), span(d.GetWindowMs()), d.GetThreshold())
	},
	vigiev1.DetectionKind_DETECTION_KIND_OVERLOAD: func(d *vigiev1.Detection, _ string) string {
		return fmt.Sprintf("The shift is overloaded: %d of %d present are busy; %s", d.GetCount(), d.GetOf(), factsIn(d, map[string]string{
			"life-unanswered": "an alarm for life waits past its first figure", "occupancy": "busy for too long",
		}))
	},
	vigiev1.DetectionKind_DETECTION_KIND_UNDER_STAFFED_SHIFT: func(d *vigiev1.Detection, _ string) string {
		return fmt.Sprintf("%d present, at least %d are required", d.GetCount(), d.GetOf())
	},
	vigiev1.DetectionKind_DETECTION_KIND_STAFF_NEEDED: func(d *vigiev1.Detection, _ string) string {
		return fmt.Sprintf("The work asks for %d people, %d are present; in the next hours: %s, %s, %s, %s", d.GetOf(), d.GetCount(),
			factNamed(d, "hour-1"), factNamed(d, "hour-2"), factNamed(d, "hour-3"), factNamed(d, "hour-4"))
	},
	vigiev1.DetectionKind_DETECTION_KIND_RECEIVERS_SILENT: func(d *vigiev1.Detection, group string) string {
		if len(d.GetFacts()) == 0 {
			return fmt.Sprintf("Our outage: nobody of %s has listened since %s; %d of %d sites are not heard, and none is called lost for it", group, stamp(d.GetLastHeardMs()), d.GetCount(), d.GetOf())
		}
		return fmt.Sprintf("Our outage: nobody of %s listened from %s to %s, for %s; %d of %d sites were not heard, and none is called lost for it", group,
			stamp(d.GetLastHeardMs()), stamp(d.GetLastHeardMs()+d.GetWindowMs()), span(d.GetWindowMs()), d.GetCount(), d.GetOf())
	},
	vigiev1.DetectionKind_DETECTION_KIND_RECEIVER_LOST: func(d *vigiev1.Detection, group string) string {
		return fmt.Sprintf("%d of %d receivers of %s are silent (%s); the others listen", d.GetCount(), d.GetOf(), group, strings.Join(d.GetFacts(), ", "))
	},
	vigiev1.DetectionKind_DETECTION_KIND_INGRESS_BLIND: func(d *vigiev1.Detection, group string) string {
		return fmt.Sprintf("The receivers of %s run, and next to nothing has come in since %s: our uplink may be down; the supervision of %d of %d sites stands still", group, stamp(d.GetLastHeardMs()), d.GetCount(), d.GetOf())
	},
}

var frenchFleet = map[vigiev1.DetectionKind]sentence{
	vigiev1.DetectionKind_DETECTION_KIND_MASS_COMMUNICATION_LOSS: func(d *vigiev1.Detection, group string) string {
		if own := local(d, " (constaté par une seule partition)"); own != "" {
			return fmt.Sprintf("Perte de liaison en masse sur %s : au moins %d sites en %s%s", group, d.GetThreshold(), span(d.GetWindowMs()), own)
		}
		return fmt.Sprintf("Perte de liaison en masse sur %s : %d sites sur %d en %s, contre %s d'habitude ; %d sites exposés", group, d.GetCount(), d.GetOf(), span(d.GetWindowMs()), usually(d), len(d.GetExposed()))
	},
	vigiev1.DetectionKind_DETECTION_KIND_MASS_MAINS_LOSS: func(d *vigiev1.Detection, group string) string {
		return fmt.Sprintf("Coupure secteur en masse sur %s : %d sites sur %d en %s, contre %s d'habitude", group, d.GetCount(), d.GetOf(), span(d.GetWindowMs()), usually(d))
	},
	vigiev1.DetectionKind_DETECTION_KIND_GROUP_ALARM_STORM: func(d *vigiev1.Detection, group string) string {
		return fmt.Sprintf("Avalanche d'alarmes sur %s : %d en %s, contre %s d'habitude", group, d.GetCount(), span(d.GetWindowMs()), usually(d))
	},
	vigiev1.DetectionKind_DETECTION_KIND_CLOSURE_WAVE: func(d *vigiev1.Detection, group string) string {
		return fmt.Sprintf("Vague de fermetures sur %s : %d sites sur %d fermés H24 en %s, contre %s d'habitude", group, d.GetCount(), d.GetOf(), span(d.GetWindowMs()), usually(d))
	},
	vigiev1.DetectionKind_DETECTION_KIND_ONBOARDING_SURGE: func(d *vigiev1.Detection, _ string) string {
		return fmt.Sprintf("Afflux de raccordements : %d demandes en %s, contre %s d'habitude ; %s en attente, résorbées en jours : %s", d.GetCount(), span(d.GetWindowMs()), usually(d), factNamed(d, "backlog"), strings.ReplaceAll(factNamed(d, "clears"), "never", "jamais"))
	},
	vigiev1.DetectionKind_DETECTION_KIND_CALL_SURGE: func(d *vigiev1.Detection, _ string) string {
		return fmt.Sprintf("Afflux d'appels : %d en %s, contre %s d'habitude", d.GetCount(), span(d.GetWindowMs()), usually(d))
	},
	vigiev1.DetectionKind_DETECTION_KIND_ALARM_FLOOD: func(d *vigiev1.Detection, _ string) string {
		return fmt.Sprintf("%s a pris %d alarmes en %s, plus de %d", d.GetGroup(), d.GetCount(), span(d.GetWindowMs()), d.GetThreshold())
	},
	vigiev1.DetectionKind_DETECTION_KIND_OVERLOAD: func(d *vigiev1.Detection, _ string) string {
		return fmt.Sprintf("Équipe surchargée : %d opérateurs occupés sur %d présents ; %s", d.GetCount(), d.GetOf(), factsIn(d, map[string]string{
			"life-unanswered": "une alarme vitale attend au-delà de son premier délai", "occupancy": "occupés depuis trop longtemps",
		}))
	},
	vigiev1.DetectionKind_DETECTION_KIND_UNDER_STAFFED_SHIFT: func(d *vigiev1.Detection, _ string) string {
		return fmt.Sprintf("Équipe en sous-effectif : %d présents, %d exigés", d.GetCount(), d.GetOf())
	},
	vigiev1.DetectionKind_DETECTION_KIND_STAFF_NEEDED: func(d *vigiev1.Detection, _ string) string {
		return fmt.Sprintf("La charge demande %d opérateurs, %d sont présents ; heures à venir : %s, %s, %s, %s", d.GetOf(), d.GetCount(),
			factNamed(d, "hour-1"), factNamed(d, "hour-2"), factNamed(d, "hour-3"), factNamed(d, "hour-4"))
	},
	vigiev1.DetectionKind_DETECTION_KIND_RECEIVERS_SILENT: func(d *vigiev1.Detection, group string) string {
		if len(d.GetFacts()) == 0 {
			return fmt.Sprintf("Interruption de notre côté : plus aucune écoute pour %s depuis le %s ; %d sites sur %d non entendus, aucun n'est déclaré perdu pour cela", group, stamp(d.GetLastHeardMs()), d.GetCount(), d.GetOf())
		}
		return fmt.Sprintf("Interruption de notre côté : aucune écoute pour %s du %s au %s, soit %s ; %d sites sur %d non entendus, aucun n'est déclaré perdu pour cela", group,
			stamp(d.GetLastHeardMs()), stamp(d.GetLastHeardMs()+d.GetWindowMs()), span(d.GetWindowMs()), d.GetCount(), d.GetOf())
	},
	vigiev1.DetectionKind_DETECTION_KIND_RECEIVER_LOST: func(d *vigiev1.Detection, group string) string {
		return fmt.Sprintf("%d frontaux sur %d muets pour %s (%s) ; les autres écoutent", d.GetCount(), d.GetOf(), group, strings.Join(d.GetFacts(), ", "))
	},
	vigiev1.DetectionKind_DETECTION_KIND_INGRESS_BLIND: func(d *vigiev1.Detection, group string) string {
		return fmt.Sprintf("Les frontaux tournent pour %s, mais presque rien n'arrive depuis le %s : notre accès est peut-être coupé ; la supervision de %d sites sur %d est suspendue", group, stamp(d.GetLastHeardMs()), d.GetCount(), d.GetOf())
	},
}
