package target

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// desk is an API that takes declarations after some refusals and shows the sites.
type desk struct {
	mu sync.Mutex
	// before are answers given before the first that takes.
	before []int
	keys   map[string]string
	sites  []Site
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer secret" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.Method == http.MethodGet {
		var page struct {
			Sites []map[string]any `json:"sites"`
			Next  uint64           `json:"next"`
		}
		for _, s := range d.sites {
			page.Sites = append(page.Sites, map[string]any{"site": s.Site, "stage": s.Stage})
		}
		_ = json.NewEncoder(w).Encode(page)
		return
	}
	body, _ := io.ReadAll(r.Body)
	key := r.Header.Get("Idempotency-Key")
	if was, again := d.keys[key]; again && was != string(body) || key == "" {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	d.keys[key] = string(body)
	if len(d.before) > 0 {
		w.WriteHeader(d.before[0])
		d.before = d.before[1:]
		return
	}
	var in struct{ Sites []Site }
	if err := json.Unmarshal(body, &in); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	d.sites = append(d.sites, in.Sites...)
	w.WriteHeader(http.StatusCreated)
}

func declareAt(t *testing.T, d *desk, token string) error {
	t.Helper()
	d.keys = map[string]string{}
	server := httptest.NewServer(d)
	defer server.Close()
	var e Endpoints
	e.Console.URL, e.Console.Token = server.URL, token
	var sites []Site
	for i := range batch + 20 {
		sites = append(sites, Site{Site: uint64(7000 + i), Stage: "in-service"})
	}
	ctx, done := context.WithTimeout(t.Context(), 30*time.Second)
	defer done()
	return Declare(ctx, e, "run", sites)
}

func TestDeclareRepeatsUntilTheLogHasAll(t *testing.T) {
	d := &desk{before: []int{http.StatusAccepted, http.StatusServiceUnavailable}}
	if err := declareAt(t, d, "secret"); err != nil || len(d.sites) != batch+20 || len(d.keys) != 2 {
		t.Errorf("%v: %d sites with %d keys", err, len(d.sites), len(d.keys))
	}
}

func TestDeclareStopsAtARefusal(t *testing.T) {
	for token, want := range map[string]string{"secret": "422", "wrong": "401"} {
		err := declareAt(t, &desk{before: []int{http.StatusUnprocessableEntity}}, token)
		if err == nil || !strings.Contains(err.Error(), "refuses with "+want) || !strings.Contains(err.Error(), "sites 7000 to") {
			t.Errorf("%v", err)
		}
	}
}

func TestEndpointsAreReadAndChecked(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "no vigie runs on") {
		t.Errorf("%v", err)
	}
	write("{")
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("%v", err)
	}
	write(`{"pid":1073741824,"kafka":"k:1"}`)
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "has died") {
		t.Errorf("%v", err)
	}
	write(fmt.Sprintf(`{"pid":%d,"kafka":"k:1","dc09":{"udp":"u:1"},"console":{"url":"http://c"}}`, os.Getpid()))
	e, err := Read(dir)
	if err != nil || e.Kafka != "k:1" {
		t.Errorf("%+v, %v", e, err)
	}
	if err := e.Check(); err == nil || !strings.Contains(err.Error(), "TCP") {
		t.Errorf("%v", err)
	}
}

func TestStartTellsWhyItFailed(t *testing.T) {
	program := filepath.Join(t.TempDir(), "vigie")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho no disk left >&2\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	scratch := t.TempDir()
	_, err := Start(t.Context(), program, scratch)
	if err == nil || !strings.Contains(err.Error(), "no disk left") {
		t.Errorf("%v", err)
	}
	if left, _ := os.ReadDir(scratch); len(left) != 0 {
		t.Errorf("%d directories are left behind", len(left))
	}
}
