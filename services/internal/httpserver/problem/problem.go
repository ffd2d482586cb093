// Package problem is the error answer of Vigie's HTTP API: RFC 9457 problem
// details with stable types, titles in the reader's language, and a page for
// each type that says what it means and what to do.
package problem

import (
	"encoding/json"
	"errors"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/text/language"
)

// Lang is a language that people of Vigie read.
type Lang string

// The languages that every text exists in.
const (
	French  Lang = "fr"
	English Lang = "en"
)

// once: huma's constructor of errors is one for the process.
var once sync.Once

var matcher = language.NewMatcher([]language.Tag{language.English, language.French})

// LangOf chooses the language for an Accept-Language header; English when it
// names neither.
func LangOf(acceptLanguage string) Lang {
	tags, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return English
	}
	if _, i, confidence := matcher.Match(tags...); confidence != language.No && i == 1 {
		return French
	}
	return English
}

// Problem is the body of an error answer, application/problem+json.
type Problem struct {
	Type   string              `json:"type" format:"uri-reference" doc:"Stable; a page under this path says what it means and what to do." example:"/problems/already-claimed"`
	Title  string              `json:"title" doc:"The type in words, in the language asked for."`
	Status int                 `json:"status" example:"409"`
	Detail string              `json:"detail,omitempty" doc:"What was wrong this time."`
	Errors []*huma.ErrorDetail `json:"errors,omitempty" doc:"The fields that were wrong."`
	Holder string              `json:"holder,omitempty" doc:"Who holds the incident, for already-claimed."`
	ID     string              `json:"id,omitempty" doc:"The act that this answers."`

	slug string
}

// New returns a problem of a type of the catalogue. An unknown slug is a
// programming error and panics.
func New(slug, detail string) *Problem {
	t, ok := catalogue[slug]
	if !ok {
		panic("problem: no type " + slug + " in the catalogue")
	}
	return &Problem{Type: path + slug, Title: t.title[English], Status: t.status, Detail: detail, slug: slug}
}

// Error is the detail, or the title when there is none.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return p.Title
	}
	return p.Detail
}

// GetStatus makes Problem a huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType makes the answer application/problem+json.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// In returns the problem with its title in a language.
func (p *Problem) In(lang Lang) *Problem {
	q := *p
	q.Title = catalogue[p.slug].title[lang]
	return &q
}

// Write answers a request with the problem, in the request's language.
func Write(w http.ResponseWriter, r *http.Request, p *Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	// A client that went away is the only way this can fail.
	_ = json.NewEncoder(w).Encode(p.In(LangOf(r.Header.Get("Accept-Language"))))
}

// UseInHuma makes huma answer with Problem: its own errors (validation, size,
// media type) get the type of their status.
func UseInHuma(config *huma.Config) {
	once.Do(func() { huma.NewError = fromStatus })
	config.Transformers = append(config.Transformers, localise)
}

func fromStatus(status int, message string, errs ...error) huma.StatusError {
	p := New(slugOf(status), message)
	p.Status = status
	for _, err := range errs {
		var d huma.ErrorDetailer
		switch {
		case err == nil:
		case errors.As(err, &d):
			p.Errors = append(p.Errors, bounded(d.ErrorDetail()))
		default:
			p.Errors = append(p.Errors, &huma.ErrorDetail{Message: err.Error()})
		}
	}
	return p
}

// maxValue bounds, in bytes of JSON, a refused value that is shown again: it may
// be a whole body of megabytes.
const maxValue = 256

// bounded leaves out a value that is too long to help anyone.
func bounded(d *huma.ErrorDetail) *huma.ErrorDetail {
	raw, err := json.Marshal(d.Value)
	if err == nil && len(raw) <= maxValue {
		return d
	}
	short := *d
	short.Value = nil
	return &short
}

func localise(ctx huma.Context, _ string, v any) (any, error) {
	if p, ok := v.(*Problem); ok {
		return p.In(LangOf(ctx.Header("Accept-Language"))), nil
	}
	return v, nil
}
