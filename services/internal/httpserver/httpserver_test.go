package httpserver

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/httpserver/problem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type noGate struct{}

func (noGate) Require(next http.Handler) http.Handler { return next }

func newServer(t *testing.T) *Server {
	t.Helper()
	s, err := New(Config{Addr: "127.0.0.1:0", Version: "test"}, Deps{Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Gate: noGate{}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func do(s *Server, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w.Result()
}

func problemOf(t *testing.T, r *http.Response) problem.Problem {
	t.Helper()
	if got := r.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("status %d of type %q, want a problem", r.StatusCode, got)
	}
	var p problem.Problem
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryAnswerHasSecurityHeaders(t *testing.T) {
	s := newServer(t)
	for _, path := range []string{"/healthz", "/nothing", "/problems/already-claimed", "/api/v1/openapi.json"} {
		r := do(s, httptest.NewRequest(http.MethodGet, path, nil))
		csp := r.Header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'self'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
		if r.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: no nosniff", path)
		}
	}
}

func TestAnotherSitesPageCannotAct(t *testing.T) {
	s := newServer(t)
	s.Mux().HandleFunc("POST /act", func(w http.ResponseWriter, _ *http.Request) {})
	for origin, want := range map[string]int{"": 200, "https://evil.example": 403, "http://example.com": 200} {
		r := httptest.NewRequest(http.MethodPost, "http://example.com/act", nil)
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		got := do(s, r)
		if got.StatusCode != want {
			t.Errorf("origin %q: %d, want %d", origin, got.StatusCode, want)
		}
		if want == 403 && problemOf(t, got).Type != "/problems/forbidden" {
			t.Error("the refusal is of another type")
		}
	}
}

func TestAPanicIsAProblemNotADeath(t *testing.T) {
	s := newServer(t)
	s.Mux().HandleFunc("GET /boom", func(http.ResponseWriter, *http.Request) { panic("boom") })
	p := problemOf(t, do(s, httptest.NewRequest(http.MethodGet, "/boom", nil)))
	if p.Type != "/problems/internal" || strings.Contains(p.Detail, "boom") {
		t.Errorf("problem: %+v", p)
	}
}

func TestValidationErrorsAreProblemsInTheReadersLanguage(t *testing.T) {
	s := newServer(t)
	huma.Post(s.API(), "/api/v1/thing", func(context.Context, *struct {
		Body struct {
			Name string `json:"name" maxLength:"3"`
		}
	}) (*struct{}, error) {
		return nil, nil
	})
	post := func(lang string) problem.Problem {
		r := httptest.NewRequest(http.MethodPost, "/api/v1/thing", strings.NewReader(`{"name":"long"}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept-Language", lang)
		return problemOf(t, do(s, r))
	}
	fr, en := post("fr-CH, en;q=0.5"), post("de, en")
	if fr.Title != "Un champ n'est pas valide" || en.Title != "A field is not valid" {
		t.Errorf("titles %q and %q", fr.Title, en.Title)
	}
	if fr.Type != "/problems/invalid" || fr.Status != 422 || len(fr.Errors) != 1 || fr.Errors[0].Location != "body.name" {
		t.Errorf("problem: %+v", fr)
	}
}

func TestARefusedBodyIsNotSentBackWhole(t *testing.T) {
	s := newServer(t)
	huma.Post(s.API(), "/api/v1/thing", func(context.Context, *struct{ Body map[string]string }) (*struct{}, error) {
		return nil, nil
	})
	r := httptest.NewRequest(http.MethodPost, "/api/v1/thing", strings.NewReader(strings.Repeat("[", 100_000)))
	r.Header.Set("Content-Type", "application/json")
	w := do(s, r)
	body, err := io.ReadAll(w.Body)
	if err != nil || w.StatusCode != http.StatusBadRequest || len(body) > 1_000 {
		t.Errorf("status %d with %d bytes, %v, want 400 with few", w.StatusCode, len(body), err)
	}
}

func TestEachProblemTypeHasAPage(t *testing.T) {
	s := newServer(t)
	r := httptest.NewRequest(http.MethodGet, "/problems/already-claimed", nil)
	r.Header.Set("Accept-Language", "fr")
	raw, _ := io.ReadAll(do(s, r).Body)
	if !strings.Contains(string(raw), "déjà pris en compte") {
		t.Errorf("page: %s", raw)
	}
	if got := do(s, httptest.NewRequest(http.MethodGet, "/problems/no-such", nil)).StatusCode; got != 404 {
		t.Errorf("an unknown type answers %d", got)
	}
}

func TestStopEndsStreamsAndLetsRequestsFinish(t *testing.T) {
	s := newServer(t)
	entered, streaming := make(chan struct{}), make(chan struct{})
	s.Mux().HandleFunc("GET /slow", func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-Closing(r.Context()) // the server is stopping, and this one still answers
		_, _ = w.Write([]byte("done"))
	})
	s.Mux().HandleFunc("GET /stream", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		close(streaming)
		<-Closing(r.Context())
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	<-s.Ready()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answers := make(chan string, 2)
	for _, path := range []string{"/slow", "/stream"} {
		go func() {
			r, err := client.Get("http://" + s.Addr() + path)
			if err != nil {
				answers <- err.Error()
				return
			}
			defer r.Body.Close()
			raw, err := io.ReadAll(r.Body)
			if err != nil {
				answers <- err.Error()
				return
			}
			answers <- string(raw)
		}()
	}
	<-entered
	<-streaming
	cancel()
	got := <-answers + <-answers
	if got != "done" {
		t.Errorf("answers: %q", got)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("Run: %v", err)
		}
	case <-time.After(shutdownGrace):
		t.Error("Run did not end")
	}
}

func TestAnAddressInUseIsNamed(t *testing.T) {
	first := newServer(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- first.Run(ctx) }()
	<-first.Ready()
	second := newServer(t)
	second.cfg.Addr = first.Addr()
	if err := second.Run(ctx); err == nil || !strings.Contains(err.Error(), first.Addr()) {
		t.Errorf("error: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestEnumNames(t *testing.T) {
	for e := range vigiev1.EventClass_name {
		class := vigiev1.EventClass(e)
		name := EnumName(class)
		n, ok := EnumNumber(class.Descriptor(), name)
		if e == 0 && (name != "" || ok) {
			t.Errorf("unspecified shows as %q", name)
		}
		if e != 0 && (!ok || int32(n) != e || strings.ContainsAny(name, "_ABC")) {
			t.Errorf("%v shows as %q and reads as %d", class, name, n)
		}
	}
	if got := EnumName(vigiev1.ClosureStatus_CLOSURE_STATUS_END_TO_CONFIRM); got != "end-to-confirm" {
		t.Error(got)
	}
	if got := EnumName(vigiev1.EventClass(999)); got != "" {
		t.Errorf("a value of the future shows as %q", got)
	}
}
