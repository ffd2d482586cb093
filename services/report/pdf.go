package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
)

// Measures of the pages, mm on A4.
const (
	pdfMargin = 15.0
	pdfWide   = 210 - 2*pdfMargin
	pdfLine   = 6.0
)

// WritePDF writes the report for paper, A4, in French for "fr" and in English for any
// other language. The same report gives the same bytes.
func (r *SLA) WritePDF(w io.Writer, lang string) error {
	if lang != "fr" {
		lang = "en"
	}
	p := newPaper(view{r, lang})
	p.head()
	p.answers()
	p.days()
	p.outcomes()
	p.heard()
	p.detections()
	p.lists()
	if err := p.Output(w); err != nil {
		return fmt.Errorf("write the report as PDF: %w", err)
	}
	return nil
}

// paper is the report being laid out.
type paper struct {
	*fpdf.Fpdf
	view
}

func newPaper(v view) *paper {
	p := &paper{fpdf.New("P", "mm", "A4", ""), v}
	p.AddUTF8FontFromBytes("go", "", goregular.TTF)
	p.AddUTF8FontFromBytes("go", "B", gobold.TTF)
	p.SetMargins(pdfMargin, pdfMargin, pdfMargin)
	p.SetAutoPageBreak(true, pdfMargin)
	// No clock of this machine, and nothing in the order of a map.
	p.SetCreationDate(v.DataUntil)
	p.SetModificationDate(v.DataUntil)
	p.SetCatalogSort(true)
	p.SetTitle(v.title(), true)
	p.SetLang(v.Lang)
	p.AliasNbPages("")
	p.SetFooterFunc(func() {
		p.SetY(-pdfMargin + 3)
		p.dim(8)
		p.CellFormat(pdfWide/2, 5, "Vigie "+p.Program, "", 0, "L", false, 0, "")
		p.CellFormat(pdfWide/2, 5, fmt.Sprintf("%d / {nb}", p.PageNo()), "", 0, "R", false, 0, "")
	})
	p.SetDrawColor(220, 223, 227)
	p.AddPage()
	return p
}

// text is what the fonts have: they lack the narrow space of figures.
func (p *paper) text(s string) string { return strings.ReplaceAll(s, "\u202f", "\u00a0") }

func (p *paper) font(style string, size float64) {
	p.SetTextColor(22, 25, 29)
	p.SetFont("go", style, size)
}

func (p *paper) dim(size float64) {
	p.font("", size)
	p.SetTextColor(91, 101, 112)
}

func (p *paper) head() {
	p.font("B", 17)
	p.MultiCell(pdfWide, 8, p.title(), "", "L", false)
	p.dim(10)
	p.MultiCell(pdfWide, pdfLine, p.text(p.period()), "", "L", false)
	if p.Provisional {
		p.font("B", 10)
		p.SetTextColor(179, 38, 30)
		p.MultiCell(pdfWide, pdfLine, p.text(p.Until()), "", "L", false)
	}
	p.Ln(2)
	figures := [][2]string{{fmt.Sprintf("%d / %d", p.Met(), len(p.Answers)), p.say("classes whose answer times were reached")}}
	if p.Heard != nil && p.Heard.Availability != nil {
		figures = append(figures, [2]string{p.decimal(100**p.Heard.Availability, 3) + " %", p.say("of the time sites could be heard")})
	}
	if c := p.Closed; c != nil {
		figures = append(figures,
			[2]string{p.count(c.Sites), p.say("sites closed around the clock at the end, of") + " " + p.count(c.AllSites)},
			[2]string{p.decimal(100*c.ShareOfAlarms, 1) + " %", p.say("of the alarms came from closed sites")})
	}
	for _, f := range figures {
		p.font("B", 12)
		p.CellFormat(34, 7, p.text(f[0]), "", 0, "R", false, 0, "")
		p.dim(10)
		p.CellFormat(pdfWide-34, 7, p.text("  "+f[1]), "", 1, "L", false, 0, "")
	}
}

func (p *paper) period() string {
	s := fmt.Sprintf("%s – %s (%s)", p.Local(p.From).Format("2006-01-02"), p.Local(p.Last()).Format("2006-01-02"), p.TimeZone)
	if p.About() != "" {
		s += " · " + p.About()
	}
	return s
}

// heading begins a section, with room for some of it on the same page.
func (p *paper) heading(english string) {
	if _, high := p.GetPageSize(); p.GetY() > high-pdfMargin-30 {
		p.AddPage()
	}
	p.Ln(4)
	p.font("B", 12)
	p.CellFormat(pdfWide, 8, p.say(english), "", 1, "L", false, 0, "")
}

// column of a table; its width is a share of the page.
type column struct {
	title string
	share float64
	left  bool
}

// table draws rows under a head that stands on every page anew.
func (p *paper) table(columns []column, rows [][]string) {
	head := func() {
		p.dim(8)
		for _, c := range columns {
			p.CellFormat(c.share*pdfWide, pdfLine, c.title, "B", 0, align(c), false, 0, "")
		}
		p.Ln(pdfLine)
	}
	head()
	_, high := p.GetPageSize()
	for _, row := range rows {
		if p.GetY() > high-pdfMargin-pdfLine {
			p.AddPage()
			head()
		}
		p.font("", 9)
		for i, c := range columns {
			p.CellFormat(c.share*pdfWide, pdfLine, p.text(row[i]), "B", 0, align(c), false, 0, "")
		}
		p.Ln(pdfLine)
	}
}

func align(c column) string {
	if c.left {
		return "L"
	}
	return "R"
}

func (p *paper) answers() {
	p.heading("Answer times")
	p.dim(8)
	p.MultiCell(pdfWide, 4, p.text(p.say(answersNote)), "", "L", false)
	var rows [][]string
	for _, a := range p.Answers {
		reached := p.say("missed")
		if a.Met {
			reached = p.say("reached")
		}
		rows = append(rows, []string{
			shown(a.Class, p.Lang, frenchClasses), p.count(a.Incidents), p.decimal(100*a.ShareFirst, 1) + " %", p.decimal(100*a.ShareSecond, 1) + " %",
			p.count(a.Misses) + " / " + p.count(a.MissesAllowed), p.wait(a.P50MS), p.wait(a.P985MS), p.wait(a.MaxMS), reached,
		})
	}
	if rows == nil {
		p.font("", 10)
		p.MultiCell(pdfWide, pdfLine, p.say("No incident was opened in the period."), "", "L", false)
		return
	}
	p.table([]column{
		{p.say("Class"), 0.21, true}, {p.say("incidents"), 0.08, false}, {p.say("in 1st"), 0.09, false}, {p.say("in 2nd"), 0.09, false}, {p.say("missed, of allowed"), 0.18, false},
		{"p50", 0.08, false}, {p.say("p98.5"), 0.08, false}, {p.say("slowest"), 0.1, false}, {"", 0.09, false},
	}, rows)
}

// days draws the alarms of each day as bars.
func (p *paper) days() {
	if len(p.Days) == 0 {
		return
	}
	const high = 34.0
	p.heading("Alarms a day")
	if p.Quiet() {
		p.MultiCell(pdfWide, pdfLine, p.say("No alarm was accepted in the period."), "", "L", false)
		return
	}
	if _, page := p.GetPageSize(); p.GetY()+high+10 > page-pdfMargin {
		p.AddPage()
	}
	most := uint64(1)
	for _, d := range p.Days {
		most = max(most, d.Alarms)
	}
	top, step := p.GetY()+4, pdfWide/float64(len(p.Days))
	p.SetFillColor(11, 107, 184)
	p.dim(7)
	for i, d := range p.Days {
		h, x := high*float64(d.Alarms)/float64(most), pdfMargin+step*float64(i)
		p.Rect(x+step*0.1, top+high-h, step*0.8, h, "F")
		if d.Alarms == most {
			p.at(x+step/2, top+high-h-3, p.count(d.Alarms))
		}
		if len(p.Days) <= 10 || i%5 == 0 {
			p.at(x+step/2, top+high+1, d.Date[len("2006-"):])
		}
	}
	p.SetXY(pdfMargin, top+high+6)
}

// at writes a word centred on a point.
func (p *paper) at(x, y float64, s string) {
	p.SetXY(x-15, y)
	p.CellFormat(30, 3, p.text(s), "", 0, "C", false, 0, "")
}

func (p *paper) outcomes() {
	if len(p.Outcomes) == 0 {
		return
	}
	p.heading("What incidents turned out to be")
	for _, c := range p.Turned() {
		var said []string
		for _, o := range c.Outcomes {
			said = append(said, shown(o.Outcome, p.Lang, frenchOutcomes)+"\u00a0"+p.count(o.Incidents))
		}
		p.font("B", 9)
		p.CellFormat(0.22*pdfWide, pdfLine, shown(c.Class, p.Lang, frenchClasses), "", 0, "L", false, 0, "")
		p.CellFormat(0.08*pdfWide, pdfLine, p.text(p.count(c.Incidents)), "", 0, "R", false, 0, "")
		p.font("", 9)
		p.SetLeftMargin(pdfMargin + 0.32*pdfWide)
		p.SetX(pdfMargin + 0.32*pdfWide)
		p.MultiCell(0.68*pdfWide, pdfLine, p.text(strings.Join(said, " · ")), "", "L", false)
		p.SetLeftMargin(pdfMargin)
		p.SetX(pdfMargin)
	}
}

func (p *paper) heard() {
	h := p.Heard
	if h == nil {
		return
	}
	p.heading("Communication with the sites")
	said := p.say("No communication was lost.")
	if h.Outages > 0 {
		said = fmt.Sprintf("%s %s %s %s %s %s %s.", p.count(h.Outages), p.say("lost communications at"), p.count(h.Sites),
			p.say("sites, for"), p.wait(&h.LostMS), p.say("in all, the longest for"), p.wait(&h.LongestMS))
	}
	p.font("", 10)
	p.MultiCell(pdfWide, pdfLine, p.text(said+" "+p.say(lossNote)), "", "L", false)
}

func (p *paper) detections() {
	if len(p.Detections) == 0 {
		return
	}
	p.heading("What was detected")
	var rows [][]string
	for _, d := range p.Detections {
		rows = append(rows, []string{shown(d.Kind, p.Lang, frenchKinds), p.count(d.Opened)})
	}
	p.table([]column{{p.say("Detection"), 0.5, true}, {p.say("opened"), 0.15, false}}, rows)
}
