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
	s := fmt.Sprintf("A detection of a kind that this release does not know (%d) at %s", d.GetKind(), site)
	if say := english[d.GetKind()]; say != nil {
		s = say(d, site)
	} else if say := englishFleet[d.GetKind()]; say != nil {
		s = say(d, groupEnglish(d))
	}
	if d.GetLastHeardMs() != 0 && d.GetGroupKind() == "" {
		s += "; last heard " + stamp(d.GetLastHeardMs())
	}
	if d.GetStatus() == vigiev1.DetectionStatus_DETECTION_STATUS_CLOSED {
		s += fmt.Sprintf(". Ended after %s: %s", span(d.GetClosedAtMs()-d.GetOpenedAtMs()), d.GetCloseReason())
	}
	return s + "."
}

func explainFrench(d *vigiev1.Detection) string {
	site := ids.Site(d.GetSite())
	s := fmt.Sprintf("Détection d'un type inconnu de cette version (%d) sur %s", d.GetKind(), site)
	if say := french[d.GetKind()]; say != nil {
		s = say(d, site)
	} else if say := frenchFleet[d.GetKind()]; say != nil {
		s = say(d, groupFrench(d))
	}
	if d.GetLastHeardMs() != 0 && d.GetGroupKind() == "" {
		s += " ; dernier signal " + stamp(d.GetLastHeardMs())
	}
	if d.GetStatus() == vigiev1.DetectionStatus_DETECTION_STATUS_CLOSED {
		s += fmt.Sprintf(". Terminée après %s : %s", span(d.GetClosedAtMs()-d.GetOpenedAtMs()), reasonFrench(d.GetCloseReason()))
	}
	return s + "."
}

// sentence says what a detection of one kind means, without its full stop.
type sentence func(d *vigiev1.Detection, site string) string

// named are the facts that carry a name after a dash.
var named = []string{"area", "zone", "path", "lost", "held-by", "owner", "under-mass"}

// factsIn are the detection's facts as words of a language; those that carry a
// name ("zone-3") show it.
func factsIn(d *vigiev1.Detection, words map[string]string) string {
	shown := make([]string, 0, len(d.GetFacts()))
	for _, f := range d.GetFacts() {
		text, known := words[f]
		for _, head := range named {
			if name, has := strings.CutPrefix(f, head+"-"); !known && has && words[head] != "" {
				text, known = words[head]+" "+name, true
			}
		}
		if !known {
			text = f
		}
		shown = append(shown, text)
	}
	return strings.Join(shown, ", ")
}

// placed names the zone and area of a detection.
func placed(d *vigiev1.Detection) string {
	if d.GetArea() == "" {
		return d.GetZone()
	}
	return d.GetArea() + "/" + d.GetZone()
}

func reasonFrench(reason string) string {
	if s, ok := frenchReasons[reason]; ok {
		return s
	}
	return reason
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
