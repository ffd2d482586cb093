package auth

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// door is a gate before one page and one API route, with a clock to turn.
type door struct {
	t    *testing.T
	dir  string
	auth *Auth
	now  time.Time
	mux  http.Handler
}

func newDoor(t *testing.T) *door {
	d := &door{t: t, dir: filepath.Join(t.TempDir(), "secrets"), now: time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)}
	d.restart()
	return d
}

func (d *door) restart() {
	d.t.Helper()
	a, err := Open(Config{Dir: d.dir}, Deps{Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return d.now }})
	if err != nil {
		d.t.Fatal(err)
	}
	mux := http.NewServeMux()
	a.Mount(mux)
	inside := func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("inside " + UserOf(r.Context()).Name))
	}
	mux.HandleFunc("GET /{$}", inside)
	mux.HandleFunc("GET /api/v1/sites", inside)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	d.auth, d.mux = a, a.Require(mux)
}

func (d *door) get(path string, with func(*http.Request)) *http.Response {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if with != nil {
		with(r)
	}
	w := httptest.NewRecorder()
	d.mux.ServeHTTP(w, r)
	return w.Result()
}

// login opens the link and returns what a browser would send from then on.
func (d *door) login(link string) func(*http.Request) {
	d.t.Helper()
	r := d.get(strings.TrimPrefix(link, "http://x"), nil)
	if r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/" {
		d.t.Fatalf("login answered %d to %q", r.StatusCode, r.Header.Get("Location"))
	}
	c := r.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.MaxAge <= 0 {
		d.t.Fatalf("the session cookie is too open: %v", c)
	}
	return func(r *http.Request) { r.AddCookie(c) }
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b := new(strings.Builder)
	if err := r.Write(b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWhoGetsIn(t *testing.T) {
	d := newDoor(t)
	token, err := d.auth.IssueToken("up")
	if err != nil {
		t.Fatal(err)
	}
	session := d.login(d.auth.LoginLink("http://x"))
	cases := []struct {
		name string
		with func(*http.Request)
		page int
		api  int
	}{
		{"nobody", nil, 401, 401},
		{"a session", session, 200, 200},
		{"a token", bearer(token), 200, 200},
		{"a wrong token", bearer("x" + token), 401, 401},
		{"a wrong token beside a session", func(r *http.Request) { session(r); bearer("wrong")(r) }, 401, 401},
		{"an empty token", bearer(""), 401, 401},
		{"a made-up cookie", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: d.auth.cookieName(), Value: "AAAA"}) }, 401, 401},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := d.get("/", c.with).StatusCode; got != c.page {
				t.Errorf("page: %d, want %d", got, c.page)
			}
			r := d.get("/api/v1/sites", c.with)
			if r.StatusCode != c.api {
				t.Errorf("API: %d, want %d", r.StatusCode, c.api)
			}
			if c.api == 401 && r.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("API refusal is %q", r.Header.Get("Content-Type"))
			}
			for _, open := range []string{"/healthz", "/login/style.css"} {
				if got := d.get(open, c.with).StatusCode; got != 200 {
					t.Errorf("%s: %d, want 200", open, got)
				}
			}
		})
	}
}

func TestLoginLinkOpensOnce(t *testing.T) {
	d := newDoor(t)
	link := d.auth.LoginLink("http://x")
	d.login(link)
	r := d.get(strings.TrimPrefix(link, "http://x"), func(r *http.Request) { r.Header.Set("Accept-Language", "fr") })
	if r.StatusCode != http.StatusForbidden || len(r.Cookies()) != 0 {
		t.Fatalf("the second use answered %d with cookies %v", r.StatusCode, r.Cookies())
	}
	if text := body(t, r); !strings.Contains(text, "relancez-le") {
		t.Errorf("the page does not say how to get another link: %s", text)
	}
}

func TestLoginLinkUsedAgainInTheSameBrowserJustLeadsIn(t *testing.T) {
	d := newDoor(t)
	link := d.auth.LoginLink("http://x")
	session := d.login(link)
	if got := d.get(strings.TrimPrefix(link, "http://x"), session).StatusCode; got != http.StatusSeeOther {
		t.Errorf("answered %d, want a redirect", got)
	}
}

func TestLoginLinkExpires(t *testing.T) {
	d := newDoor(t)
	link := d.auth.LoginLink("http://x")
	d.now = d.now.Add(linkTTL + time.Second)
	if got := d.get(strings.TrimPrefix(link, "http://x"), nil).StatusCode; got != http.StatusForbidden {
		t.Errorf("an expired link answered %d", got)
	}
}

func TestPreviewOfALinkDoesNotUseItUp(t *testing.T) {
	d := newDoor(t)
	link := d.auth.LoginLink("http://x")
	r := httptest.NewRequest(http.MethodHead, strings.TrimPrefix(link, "http://x"), nil)
	d.mux.ServeHTTP(httptest.NewRecorder(), r)
	d.login(link)
}

func TestSessionOutlivesARestartAndEnds(t *testing.T) {
	d := newDoor(t)
	session := d.login(d.auth.LoginLink("http://x"))
	d.restart()
	if got := d.get("/", session).StatusCode; got != 200 {
		t.Fatalf("after a restart: %d", got)
	}
	d.now = d.now.Add(sessionTTL + time.Second)
	if got := d.get("/", session).StatusCode; got != 401 {
		t.Fatalf("past its end: %d", got)
	}
}

func TestLogoutEndsTheSession(t *testing.T) {
	d := newDoor(t)
	session := d.login(d.auth.LoginLink("http://x"))
	r := httptest.NewRequest(http.MethodPost, "/logout", nil)
	session(r)
	d.mux.ServeHTTP(httptest.NewRecorder(), r)
	if got := d.get("/", session).StatusCode; got != 401 {
		t.Errorf("after logout: %d", got)
	}
}

func TestANewTokenOfANameEndsTheOld(t *testing.T) {
	d := newDoor(t)
	old, _ := d.auth.IssueToken("up")
	fresh, _ := d.auth.IssueToken("up")
	if d.get("/api/v1/sites", bearer(old)).StatusCode != 401 || d.get("/api/v1/sites", bearer(fresh)).StatusCode != 200 {
		t.Error("the old token lives, or the new one does not")
	}
}

func TestTheFileHoldsNoSecretAndIsPrivate(t *testing.T) {
	d := newDoor(t)
	token, _ := d.auth.IssueToken("up")
	value, err := d.auth.open(strings.TrimPrefix(d.auth.LoginLink("http://x"), "http://x/login?t="))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(d.dir, "auth.json")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), token) || strings.Contains(string(raw), value) {
		t.Error("a secret stands in auth.json")
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestSessionsAreBounded(t *testing.T) {
	var s stored
	now := time.Now()
	for i := range maxSessions + 10 {
		s.addSession(session{Hash: string(rune('a' + i)), Expires: now.Add(time.Hour)}, now)
	}
	if len(s.Sessions) != maxSessions {
		t.Errorf("%d sessions", len(s.Sessions))
	}
}

func TestADamagedFileIsAClearError(t *testing.T) {
	d := newDoor(t)
	if err := os.WriteFile(filepath.Join(d.dir, "auth.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(Config{Dir: d.dir}, Deps{Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("error: %v", err)
	}
}

func TestUserNamesAreThoseOfTheLog(t *testing.T) {
	for _, name := range []string{"Anne", "a b", strings.Repeat("a", 65), "é"} {
		if _, err := Open(Config{Dir: t.TempDir(), User: name}, Deps{Now: time.Now}); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
}

func TestMe(t *testing.T) {
	d := newDoor(t)
	token, _ := d.auth.IssueToken("up")
	var me struct{ Name, Role string }
	if err := json.NewDecoder(d.get("/api/v1/me", bearer(token)).Body).Decode(&me); err != nil {
		t.Fatal(err)
	}
	if me.Name != "up" || me.Role != RoleMachine {
		t.Errorf("me is %+v", me)
	}
}
