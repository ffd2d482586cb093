package auth

import (
	_ "embed"
	"html/template"
	"net/http"

	"github.com/open-vigie/vigie/services/internal/httpserver/problem"
)

//go:embed style.css
var style []byte

// Mount serves /login, /login/style.css and POST /logout.
func (a *Auth) Mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /login", a.login)
	mux.HandleFunc("GET /login/style.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(style)
	})
	mux.HandleFunc("POST /logout", a.logout)
	mux.HandleFunc("GET /api/v1/me", me)
}

func (a *Auth) cookieName() string { return "vigie_session_" + a.state.Instance }

// login opens a session by a link. Someone who is in already just gets in, so
// that the same link clicked twice in one browser is no error.
func (a *Auth) login(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		// A preview of the link must not use it up.
		return
	}
	if _, ok := a.who(r); ok {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	t := r.URL.Query().Get("t")
	if t == "" {
		a.page(w, r, http.StatusUnauthorized, pageSignIn)
		return
	}
	value, err := a.open(t)
	if err != nil {
		a.log.Info("login refused", "error", err)
		a.page(w, r, http.StatusForbidden, pageUsed)
		return
	}
	http.SetCookie(w, a.cookie(r, value, int(sessionTTL.Seconds())))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (a *Auth) logout(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(a.cookieName()); err == nil {
		if err := a.close(c.Value); err != nil {
			a.log.Error("end a session", "error", err)
			problem.Write(w, r, problem.New(problem.Internal, ""))
			return
		}
	}
	http.SetCookie(w, a.cookie(r, "", -1))
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

func (a *Auth) cookie(r *http.Request, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: a.cookieName(), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteLaxMode,
		// Over plain HTTP on the loopback a Secure cookie would not come back.
		Secure: r.TLS != nil,
	}
}

type text struct {
	Title, Body, Hint string
}

// The pages that people see who are not in.
var (
	pageSignIn = map[problem.Lang]text{
		problem.French:  {"Connexion", "Ouvrez le lien de connexion à usage unique affiché au démarrage de Vigie.", "Il n'est plus à l'écran ? Arrêtez Vigie (Ctrl-C) et relancez-le : un nouveau lien s'affiche, rien n'est perdu."},
		problem.English: {"Sign in", "Open the one-time login link that Vigie printed when it started.", "No longer on the screen? Stop Vigie (Ctrl-C) and start it again: it prints a new link, and nothing is lost."},
	}
	pageUsed = map[problem.Lang]text{
		problem.French:  {"Ce lien a déjà servi ou a expiré", "Chaque lien n'ouvre qu'une session, dans les 24 heures.", "Demandez-en un autre au chef de poste. Le sien s'affiche au démarrage de Vigie : arrêtez-le (Ctrl-C) et relancez-le, rien n'est perdu."},
		problem.English: {"This link was used or has expired", "Each link opens one session, within 24 hours.", "Ask the shift leader for another one. The shift leader's own is printed when Vigie starts: stop it (Ctrl-C) and start it again, nothing is lost."},
	}
)

var tmpl = template.Must(template.New("login").Parse(`<!doctype html>
<html lang="{{.Lang}}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}} · Vigie</title><link rel="stylesheet" href="/login/style.css"></head>
<body><main><p class="mark">Vigie</p><h1>{{.Title}}</h1><p>{{.Body}}</p><p class="hint">{{.Hint}}</p></main></body></html>
`))

func (a *Auth) page(w http.ResponseWriter, r *http.Request, status int, texts map[problem.Lang]text) {
	lang := problem.LangOf(r.Header.Get("Accept-Language"))
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	err := tmpl.Execute(w, struct {
		Lang problem.Lang
		text
	}{lang, texts[lang]})
	if err != nil {
		a.log.Debug("the login page was not taken", "error", err)
	}
}
