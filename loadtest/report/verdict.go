package report

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Bounds of a valid run.
const (
	// MaxLateShare of messages that the generator itself may hold up.
	MaxLateShare = 0.01
	// MaxGeneratorCPU of the whole machine that the load lab may use: past it the
	// generator and what it measures compete.
	MaxGeneratorCPU = 0.4
	// keptUp: at the end of the schedule panels may wait this many seconds for
	// their last answers, and processor and archiver have as many seconds of
	// traffic left, before the report says that the load was not carried.
	keptUp = 5
)

// Judge sets Valid, Reasons and Answer from the figures. interrupted says that
// the schedule did not end.
func (r *Report) Judge(interrupted bool) {
	r.SchemaVersion = SchemaVersion
	r.Reasons = []Text{}
	r.judgeOracle()
	if interrupted {
		r.invalid("the run was interrupted", "le tir a été interrompu")
	}
	if m := r.Messages; m.LateShare > MaxLateShare {
		r.invalid(
			fmt.Sprintf("the generator was late: %s of the messages left more than %s after their time, at most %s is allowed; use a faster machine or a lower rate", percent(m.LateShare, "en"), ms(m.LateBoundMS, "en"), percent(MaxLateShare, "en")),
			fmt.Sprintf("le générateur était en retard : %s des messages sont partis plus de %s après leur heure, au plus %s sont permis ; prendre une machine plus rapide ou un débit plus faible", percent(m.LateShare, "fr"), ms(m.LateBoundMS, "fr"), percent(MaxLateShare, "fr")))
	}
	if share := r.Generator.CPUShare; share > MaxGeneratorCPU {
		r.invalid(
			fmt.Sprintf("the generator used %s of the machine, at most %s is allowed: it competes with what it measures", percent(share, "en"), percent(MaxGeneratorCPU, "en")),
			fmt.Sprintf("le générateur a pris %s de la machine, au plus %s sont permis : il concurrence ce qu'il mesure", percent(share, "fr"), percent(MaxGeneratorCPU, "fr")))
	}
	if r.Messages.Acknowledged == 0 {
		r.invalid("no message got an ACK", "aucun message n'a été acquitté")
	}
	r.Valid = len(r.Reasons) == 0
	if r.Valid {
		r.Answer = Text{EN: r.answer(english), FR: r.answer(french)}
	}
}

func (r *Report) invalid(en, fr string) { r.Reasons = append(r.Reasons, Text{en, fr}) }

func (r *Report) judgeOracle() {
	o := r.Oracle
	if o.Failed != "" {
		r.invalid("the log could not be judged: "+o.Failed, "le journal n'a pas pu être jugé : "+o.Failed)
	}
	for _, c := range []struct {
		n      int
		en, fr string
	}{
		{o.Lost, "acknowledged messages are not in the log", "messages acquittés ne sont pas dans le journal"},
		{o.Doubled, "messages have more than one effect", "messages ont plus d'un effet"},
		{o.Foreign, "records in the log were sent by no panel as they stand", "enregistrements du journal n'ont été envoyés tels quels par aucune centrale"},
		{o.PollsLost, "acknowledged polls are in no beat", "tests de liaison acquittés ne sont dans aucun battement"},
		{o.PollsForeign, "polls in beats were sent by no panel", "tests de liaison du journal n'ont été envoyés par aucune centrale"},
		{o.Differ, "derived records are not what the log gives", "enregistrements dérivés ne sont pas ce que donne le journal"},
		{o.Missing, "derived records are missing", "enregistrements dérivés manquent"},
	} {
		if c.n > 0 {
			r.invalid(count(c.n, "en")+" "+c.en, count(c.n, "fr")+" "+c.fr)
		}
	}
	for _, rule := range r.Rules {
		if !rule.Green() {
			r.invalid(
				fmt.Sprintf("%s: %d sites that had to be detected were not, %d were detected without cause", rule.Name, rule.Missed, rule.Extra),
				fmt.Sprintf("%s : %d sites à détecter ne l'ont pas été, %d l'ont été sans cause", rule.Name, rule.Missed, rule.Extra))
		}
	}
}

// phrases of the answer in one language.
type phrases struct {
	lang                                                             string
	took, did, acked, all, missing, drained, behind, lagged, archive string
}

var english = phrases{
	lang:    "en",
	took:    "This installation took %s messages/s from %s sites for %s",
	did:     "This installation was offered %s messages/s from %s sites for %s and did not carry them",
	acked:   "99 %% of alarms were acknowledged within %s",
	all:     "nothing lost, nothing doubled",
	missing: "%s of %s messages got no ACK, and nothing that got one was lost or doubled",
	drained: "the last answers came %s after the end",
	behind:  "the processor was never more than %s behind",
	lagged:  "at the end the processor was %s records behind",
	archive: "at the end ClickHouse lacked %s records",
}

var french = phrases{
	lang:    "fr",
	took:    "Cette installation a pris %s messages/s de %s sites pendant %s",
	did:     "Cette installation a reçu %s messages/s de %s sites pendant %s et ne les a pas tenus",
	acked:   "99 %% des alarmes ont été acquittées en %s au plus",
	all:     "rien de perdu, rien en double",
	missing: "%s messages sur %s n'ont pas été acquittés, et rien de ce qui l'a été n'est perdu ni en double",
	drained: "les dernières réponses sont venues %s après la fin",
	behind:  "le traitement n'a jamais eu plus de %s de retard",
	lagged:  "à la fin, le traitement avait %s enregistrements de retard",
	archive: "à la fin, il manquait %s enregistrements à ClickHouse",
}

// KeptUp: every message was acknowledged soon after the schedule's end at the
// latest, when processor and archiver were near the end of the log.
func (r *Report) KeptUp() bool {
	m := r.Messages
	return m.Acknowledged == m.Offered && m.DrainMS <= keptUp*1000 && float64(max(r.Lag.ProcessorRecordsEnd, r.Lag.ArchiverRecordsEnd)) <= keptUp*r.Scenario.Rate
}

func (r *Report) answer(p phrases) string {
	m, first := r.Messages, p.took
	if !r.KeptUp() {
		first = p.did
	}
	parts := []string{fmt.Sprintf(first, rate(m.OfferedRate, p.lang), count(r.Scenario.Sites, p.lang), length(r.Scenario.DurationMS))}
	if alarms := r.class("alarm"); alarms.Count > 0 {
		parts = append(parts, fmt.Sprintf(p.acked, ms(alarms.P99, p.lang)))
	}
	if missing := m.Offered - m.Acknowledged; missing > 0 {
		parts = append(parts, fmt.Sprintf(p.missing, count(missing, p.lang), count(m.Offered, p.lang)))
	} else {
		parts = append(parts, p.all)
	}
	if m.DrainMS > keptUp*1000 {
		parts = append(parts, fmt.Sprintf(p.drained, ms(m.DrainMS, p.lang)))
	}
	if float64(r.Lag.ProcessorRecordsEnd) > keptUp*r.Scenario.Rate {
		parts = append(parts, fmt.Sprintf(p.lagged, count(int(r.Lag.ProcessorRecordsEnd), p.lang)))
	} else if r.Lag.ProcessorBehind.Count > 0 {
		parts = append(parts, fmt.Sprintf(p.behind, ms(r.Lag.ProcessorBehind.Max, p.lang)))
	}
	if float64(r.Lag.ArchiverRecordsEnd) > keptUp*r.Scenario.Rate {
		parts = append(parts, fmt.Sprintf(p.archive, count(int(r.Lag.ArchiverRecordsEnd), p.lang)))
	}
	separator := "; "
	if p.lang == "fr" {
		separator = " ; "
	}
	return strings.Join(parts, separator) + "."
}

// class is the latency of a class from the intended time.
func (r *Report) class(name string) Quantiles {
	for _, l := range r.Latency {
		if l.Class == name {
			return l.Intended
		}
	}
	return Quantiles{}
}

// count writes a whole number with its thousands apart.
func count(n int, lang string) string {
	digits, separator := fmt.Sprint(n), ","
	if lang == "fr" {
		separator = "\u202f"
	}
	var b strings.Builder
	for i, c := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 && digits[i-1] != '-' {
			b.WriteString(separator)
		}
		b.WriteRune(c)
	}
	return b.String()
}

// decimal writes a number with so many decimals.
func decimal(x float64, decimals int, lang string) string {
	s := fmt.Sprintf("%.*f", decimals, x)
	if lang == "fr" {
		s = strings.Replace(s, ".", ",", 1)
	}
	return s
}

func rate(perSecond float64, lang string) string {
	if perSecond < 10 {
		return decimal(perSecond, 1, lang)
	}
	return count(int(math.Round(perSecond)), lang)
}

// ms writes a duration in the unit that people read: ms below 1 s, else s.
func ms(milliseconds float64, lang string) string {
	switch {
	case milliseconds < 10:
		return decimal(milliseconds, 1, lang) + "\u00a0ms"
	case milliseconds < 1_000:
		return decimal(milliseconds, 0, lang) + "\u00a0ms"
	}
	return decimal(milliseconds/1000, 1, lang) + "\u00a0s"
}

func percent(share float64, lang string) string {
	decimals := 1
	if share >= 0.1 || share == math.Trunc(share*100)/100 {
		decimals = 0
	}
	return decimal(100*share, decimals, lang) + "\u00a0%"
}

// length of a run: "10 min", "45 s".
func length(milliseconds float64) string {
	d := time.Duration(milliseconds) * time.Millisecond
	switch {
	case d%time.Hour == 0 && d > 0:
		return fmt.Sprintf("%d\u00a0h", d/time.Hour)
	case d%time.Minute == 0 && d > 0:
		return fmt.Sprintf("%d\u00a0min", d/time.Minute)
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f\u00a0s", d.Seconds())
	}
	return fmt.Sprintf("%d\u00a0min\u00a0%02d\u00a0s", d/time.Minute, d%time.Minute/time.Second)
}

func bytesOf(n int64, lang string) string {
	unit := "MB"
	if lang == "fr" {
		unit = "Mo"
	}
	return count(int(math.Round(float64(n)/1e6)), lang) + "\u00a0" + unit
}
