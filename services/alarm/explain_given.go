package alarm

import (
	"fmt"
	"strings"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// ExplainGiven says which figures of a detection's rule a class, a group or the site
// itself gave; "" when all are the default's, or when the detection did not open with
// this record. lang as in Explain.
func ExplainGiven(d *vigiev1.Detection, lang string) string {
	if len(d.GetGiven()) == 0 {
		return ""
	}
	begins, between, words := "Figures: ", "; ", map[vigiev1.GivenFigure_Level]string{
		vigiev1.GivenFigure_LEVEL_CLASS: "by the class", vigiev1.GivenFigure_LEVEL_GROUP: "by the group", vigiev1.GivenFigure_LEVEL_SITE: "by the site itself",
	}
	if strings.HasPrefix(strings.ToLower(lang), "fr") {
		begins, between, words = "Chiffres : ", " ; ", map[vigiev1.GivenFigure_Level]string{
			vigiev1.GivenFigure_LEVEL_CLASS: "de la classe", vigiev1.GivenFigure_LEVEL_GROUP: "du groupe", vigiev1.GivenFigure_LEVEL_SITE: "du site lui-même",
		}
	}
	var shown []string
	for _, g := range d.GetGiven() {
		value := fmt.Sprint(g.GetValue())
		if strings.HasSuffix(g.GetFigure(), "_ms") {
			value = spanOr(g.GetValue())
		}
		shown = append(shown, strings.TrimSpace(fmt.Sprintf("%s %s, %s %s", g.GetFigure(), value, words[g.GetLevel()], g.GetOf())))
	}
	return begins + strings.Join(shown, between)
}

// ExplainOwn lists the figures of a site itself; "" when it has none.
func ExplainOwn(own *vigiev1.ClassPolicy, lang string) string {
	of := figures{}
	of.note(own, vigiev1.GivenFigure_LEVEL_SITE, "")
	d := &vigiev1.Detection{}
	for _, g := range of.sorted() {
		d.Given = append(d.Given, &vigiev1.GivenFigure{Figure: g.figure, Value: g.value, Level: g.level})
	}
	return ExplainGiven(d, lang)
}

// spanOr shows a duration of a policy, which may be below 0.
func spanOr(ms int64) string {
	if ms < 0 {
		return fmt.Sprintf("%d ms", ms)
	}
	return span(ms)
}
