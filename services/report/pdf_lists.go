package report

import (
	"strconv"
	"strings"
)

// lists are what happened at few sites, each by its number, and the sites' names.
func (p *paper) lists() {
	if len(p.Incidents) > 0 {
		p.heading("Incidents")
		p.note(p.say(notCountedNote) + " " + p.CutNote(listIncidents))
		p.incidents()
	}
	if len(p.Losses) > 0 {
		p.heading("Lost communications")
		p.note(p.CutNote(listLosses))
		p.spans(p.Losses)
	}
	if len(p.Closures) > 0 {
		p.heading("Closures around the clock")
		p.note(p.CutNote(listClosures))
		p.spans(p.Closures)
	}
	if len(p.Sites) > 1 {
		p.heading("Sites")
		var names []string
		for _, s := range p.Sites {
			names = append(names, s.String())
		}
		p.font("", 9)
		p.MultiCell(pdfWide, 5, p.text(strings.Join(names, " · ")), "", "L", false)
	}
}

// note is small and dim; an empty one takes no room.
func (p *paper) note(s string) {
	if s = strings.TrimSpace(s); s != "" {
		p.dim(8)
		p.MultiCell(pdfWide, 4, p.text(s), "", "L", false)
	}
}

func (p *paper) incidents() {
	var rows [][]string
	for _, i := range p.SLA.Incidents {
		rows = append(rows, []string{p.minute(i.OpenedAt), strconv.FormatUint(i.Site, 10), shown(i.Class, p.Lang, frenchClasses), p.answer(i.Answer), p.wait(i.AnsweredAfterMS), shown(i.Outcome, p.Lang, frenchOutcomes)})
	}
	p.table([]column{
		{p.say("opened at"), 0.17, true}, {p.say("Site"), 0.1, true}, {p.say("Class"), 0.22, true},
		{p.say("answer"), 0.2, true}, {p.say("after"), 0.11, true}, {p.say("outcome"), 0.2, true},
	}, rows)
}

func (p *paper) spans(all []Span) {
	closures := all[0].Closure != ""
	columns := []column{{p.say("Site"), 0.15, true}, {p.say("from"), 0.27, true}, {p.say("to"), 0.2, true}, {p.say("in the period"), 0.15, false}}
	if closures {
		columns = append(columns, column{"  " + p.say("closure"), 0.2, true})
	}
	var rows [][]string
	for _, s := range all {
		row := []string{strconv.FormatUint(s.Site, 10), p.Began(s), p.Ended(s), p.Lasted(s)}
		if closures {
			row = append(row, "  "+shown(s.Closure, p.Lang, frenchClosures))
		}
		rows = append(rows, row)
	}
	p.table(columns, rows)
}
