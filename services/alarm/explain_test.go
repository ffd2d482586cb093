package alarm

import (
	"strings"
	"testing"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	d := &vigiev1.Detection{
		Site: 7, Kind: vigiev1.DetectionKind_DETECTION_KIND_PATH_LOST, Path: 2, IntervalMs: 90 * second, WindowMs: hour,
		LastHeardMs: axisStart, Status: vigiev1.DetectionStatus_DETECTION_STATUS_CLOSED,
		OpenedAtMs: axisStart, ClosedAtMs: axisStart + 90*second, CloseReason: closedRestored,
	}
	for lang, want := range map[string]string{
		"en":    "Path 2 of S-7 is lost: nothing heard for its interval of 1 min 30 s and a further 1 h; last heard 2026-11-23 00:00:00 UTC. Ended after 1 min 30 s: restored.",
		"fr-FR": "La voie 2 de S-7 est perdue : rien reçu pendant son intervalle de 1 min 30 s, ni 1 h de plus ; dernier signal 2026-11-23 00:00:00 UTC. Terminée après 1 min 30 s : rétablie.",
	} {
		if got := Explain(d, lang); got != want {
			t.Errorf("%s:\n got %s\nwant %s", lang, got, want)
		}
	}
}

// Our own outage says its bounds; what is open has no end yet.
func TestExplainOurOutage(t *testing.T) {
	t.Parallel()
	d := &vigiev1.Detection{
		Kind: vigiev1.DetectionKind_DETECTION_KIND_RECEIVERS_SILENT, GroupKind: "receiver", Group: "main",
		LastHeardMs: axisStart, WindowMs: 40 * minute, Count: 9, Of: 10,
	}
	open := Explain(d, "en")
	d.Facts = []string{"back"}
	for got, want := range map[string]string{
		open:                "Our outage: nobody of receiver group main has listened since 2026-11-23 00:00:00 UTC; 9 of 10 sites are not heard, and none is called lost for it.",
		Explain(d, "en-GB"): "Our outage: nobody of receiver group main listened from 2026-11-23 00:00:00 UTC to 2026-11-23 00:40:00 UTC, for 40 min; 9 of 10 sites were not heard, and none is called lost for it.",
		Explain(d, "fr"):    "Interruption de notre côté : aucune écoute pour le groupe de frontaux main du 2026-11-23 00:00:00 UTC au 2026-11-23 00:40:00 UTC, soit 40 min ; 9 sites sur 10 non entendus, aucun n'est déclaré perdu pour cela.",
	} {
		if got != want {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	}
}

// Every kind of the contract has a sentence of its own in both languages.
func TestExplainKnowsEveryKind(t *testing.T) {
	t.Parallel()
	for n := range vigiev1.DetectionKind_name {
		kind := vigiev1.DetectionKind(n)
		if kind == vigiev1.DetectionKind_DETECTION_KIND_UNSPECIFIED {
			continue
		}
		d := &vigiev1.Detection{Kind: kind, Site: 7}
		if s := Explain(d, "en"); strings.Contains(s, "does not know") {
			t.Errorf("%v has no English sentence", kind)
		}
		if s := Explain(d, "fr"); strings.Contains(s, "inconnu de cette version") {
			t.Errorf("%v has no French sentence", kind)
		}
	}
}
