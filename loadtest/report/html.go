package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
)

//go:embed page.html
var pageSource string

// WriteHTML writes the report as one page that needs nothing but itself, in
// French for "fr" and in English for any other language.
func (r *Report) WriteHTML(w io.Writer, lang string) error {
	if lang != "fr" {
		lang = "en"
	}
	v := view{Report: r, Lang: lang}
	page, err := template.New("report").Funcs(v.functions()).Parse(pageSource)
	if err != nil {
		return fmt.Errorf("read the page's template: %w", err)
	}
	if err := page.Execute(w, v); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// Lines are the first lines of the report: the answer, or INVALID and why.
func (r *Report) Lines(lang string) []string {
	if r.Valid {
		return []string{r.Answer.In(lang)}
	}
	first := "INVALID"
	if lang == "fr" {
		first = "INVALIDE"
	}
	lines := []string{first}
	for _, reason := range r.Reasons {
		lines = append(lines, "  "+reason.In(lang))
	}
	return lines
}

// view is the report as the page's template sees it.
type view struct {
	*Report
	Lang string
}

// functions of the template; t chooses between the two languages.
func (v view) functions() template.FuncMap {
	return template.FuncMap{
		"t": func(en, fr string) string {
			if v.Lang == "fr" {
				return fr
			}
			return en
		},
		"ms":      func(x float64) string { return ms(x, v.Lang) },
		"count":   func(n any) string { return v.count(n) },
		"rate":    func(x float64) string { return rate(x, v.Lang) },
		"percent": func(x float64) string { return percent(x, v.Lang) },
		"decimal": func(x float64, n int) string { return decimal(x, n, v.Lang) },
		"length":  length,
		"bytes":   func(n int64) string { return bytesOf(n, v.Lang) },
		"rule":    func(name string) string { return v.rule(name) },
		"text":    func(t Text) string { return t.In(v.Lang) },
	}
}

func (v view) count(n any) string {
	switch n := n.(type) {
	case int:
		return count(n, v.Lang)
	case int64:
		return count(int(n), v.Lang)
	case uint64:
		return fmt.Sprint(n)
	}
	return fmt.Sprint(n)
}

// rule names what was detected as people say it.
func (v view) rule(name string) string {
	switch name {
	case "alarm-storm":
		return v.word("alarm storm", "emballement d'alarmes")
	case "closed-around-the-clock":
		return v.word("closed around the clock", "fermé 24 h sur 24")
	case "communication-lost":
		return v.word("communication lost", "liaison perdue")
	}
	return name
}
