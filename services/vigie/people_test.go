package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// What an operator does on a closed site and on its alarm, by the page alone: the
// consigne is set, pinned to the incident, carried out; the site is closed, a visit
// announced, a test run; a connection moves on; a call is answered.
func TestPeopleDoOnThePageWhatTheRulesAskFor(t *testing.T) {
	in := newInstallation(t, "--ephemeral")
	in.start()
	in.declare(map[string]any{"site": 4711, "label": "Pharmacie du Pont", "class": "shop", "time_zone": "Europe/Paris", "stage": "in-service",
		"accounts": []any{map[string]any{"account": "4711"}}, "zones": []any{map[string]any{"zone": "7"}}, "groups": []string{"chaine"}})
	in.declare(map[string]any{"site": 4712, "label": "Garage du Port", "class": "shop", "time_zone": "Europe/Paris", "stage": "installed",
		"paths": []any{map[string]any{"path": 1, "interval_ms": 3_600_000}}})
	p := &pageUnderTest{t: t, ctx: browse(t)}
	p.see("the page is live", chromedp.Navigate(in.Console.Login), chromedp.WaitVisible(`[data-testid="live-state"][data-state="live"]`))
	p.arrange()
	out, err := vigie(t.Context(), t, "panel", "send", "--to", in.DC09.UDP, "--account", "4711", "--code", "BA", "--zone", "7").CombinedOutput()
	if err != nil {
		t.Fatalf("vigie panel send: %v\n%s", err, out)
	}
	p.handle()
	p.connectAndCall()
	in.letOthersIn(p)
}

// declare tells the desk of a site, as an import would.
func (in *installationUnderTest) declare(site map[string]any) {
	in.t.Helper()
	raw, err := json.Marshal(site)
	if err != nil {
		in.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(in.t.Context(), http.MethodPost, in.Console.URL+"/api/v1/sites", bytes.NewReader(raw))
	if err != nil {
		in.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+in.Console.Token)
	r.Header.Set("Idempotency-Key", fmt.Sprint("site-", site["site"]))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		in.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		in.t.Fatalf("declaring %v: %s", site["site"], resp.Status)
	}
}

// pageUnderTest is the page in a browser.
type pageUnderTest struct {
	t   *testing.T
	ctx context.Context
	n   int
}

func (p *pageUnderTest) see(what string, actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	see(p.t, p.ctx, what, actions...)
}

// click a thing by its test id, once it is there.
func (p *pageUnderTest) click(id string) {
	p.t.Helper()
	p.see(id+" is there to click", chromedp.Click(`[data-testid="`+id+`"]`, chromedp.NodeVisible))
}

// fill puts a value into a field of a form, as typing or choosing does.
func (p *pageUnderTest) fill(form, field, value string) {
	p.t.Helper()
	selector := fmt.Sprintf(`[data-form=%q] [name=%q]`, form, field)
	p.see("the field "+field+" of "+form+" is there", chromedp.WaitVisible(selector))
	script := fmt.Sprintf(`(() => { const x = document.querySelector(%q); x.value = %q;
		x.dispatchEvent(new Event('input', {bubbles: true})); x.dispatchEvent(new Event('change', {bubbles: true})); return x.value === %q })()`, selector, value, value)
	done, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](script))
	if err != nil || !done {
		p.t.Fatalf("fill %s of %s: %v, %v", field, form, done, err)
	}
}

// reads waits until a thing shows a text.
func (p *pageUnderTest) reads(selector, text string) {
	p.t.Helper()
	script := fmt.Sprintf(`[...document.querySelectorAll(%q)].map((x) => x.innerText).join(' | ')`, selector)
	var got string
	if !eventually(time.Minute, func() bool {
		var err error
		got, err = chromedp.Run(p.ctx, chromedp.Evaluate[string](script))
		return err == nil && bytes.Contains([]byte(got), []byte(text))
	}) {
		p.shoot()
		p.t.Fatalf("%s shows %q, want %q", selector, got, text)
	}
}

// shoot leaves a picture where SCREENSHOTS says.
func (p *pageUnderTest) shoot() {
	if dir := os.Getenv("SCREENSHOTS"); dir != "" {
		p.n++
		shoot(p.t, p.ctx, filepath.Join(dir, fmt.Sprintf("people-%d.png", p.n)))
	}
}

// arrange sets a consigne, declares the closure, announces a visit on the site's sheet.
func (p *pageUnderTest) arrange() {
	p.t.Helper()
	p.see("the site is in the list", chromedp.Click(`[data-site="4711"] [data-testid="site-open"]`, chromedp.NodeVisible))
	p.fill("consigne-set", "text", "appeler la gérante avant tout")
	p.see("two steps", chromedp.Click(`[data-form="consigne-set"] .step:nth-of-type(2)`), chromedp.Click(`[data-form="consigne-set"] .step:nth-of-type(5)`))
	p.click("do-consigne-set")
	p.see("the consigne is on the sheet", chromedp.WaitVisible(`[data-testid="site-consigne"]`))
	p.click("consigne-read")
	p.reads(`[data-testid="consigne-text"]`, "appeler la gérante avant tout")
	p.click("tab-closure-declare")
	p.click("do-closure-declare")
	p.see("the closure can be lifted", chromedp.WaitVisible(`[data-testid="closure-lift"]`))
	p.click("tab-visit-announce")
	p.fill("visit-announce", "user_code", "12")
	p.click("do-visit-announce")
	p.reads(`[data-testid="site-visit"]`, "12")
	p.shoot()
	// A refusal is told in words.
	p.click("tab-visit-announce")
	p.click("do-visit-announce")
	p.reads(`[data-testid="site-said"]`, "field is not valid")
	p.click("close-site-sheet")
}

// handle carries out what the consigne asks for, and closes the incident.
func (p *pageUnderTest) handle() {
	p.t.Helper()
	p.see("the alarm is on the page", chromedp.Click(`[data-testid="incident-row"][data-site="4711"] .row`, chromedp.NodeVisible))
	p.reads(`[data-testid="incident-consigne"]`, "Call the contact")
	p.click("do-claim")
	p.see("it is claimed", chromedp.WaitVisible(`[data-testid="incident-row"][data-status="claimed"]`))
	p.see("the first step leads to its form", chromedp.Click(`[data-testid="consigne-step"]`), chromedp.WaitVisible(`[data-form="contact"]`))
	p.click("do-contact")
	p.reads(`[data-testid="incident-sheet"] .history`, "call made")
	for _, step := range []struct{ form, field, value, done string }{
		{"customer-decision", "choice", "guard", "customer decided"},
		{"guard", "guard_step", "arrived", "guard"},
		{"police", "ground", "persons", "police or fire called"},
		{"verify", "means", "guard-on-site", ""},
	} {
		p.click("tab-" + step.form)
		p.fill(step.form, step.field, step.value)
		if step.form == "verify" {
			p.fill("verify", "result", "positive")
			step.done = "verified"
		}
		p.click("do-" + step.form)
		p.reads(`[data-testid="incident-sheet"] .history`, step.done)
	}
	p.shoot()
	p.click("tab-close")
	p.fill("close", "outcome", "burglary")
	p.click("do-close")
	p.see("it is closed", chromedp.WaitNotPresent(`[data-testid="incident-row"][data-site="4711"][data-status]:not([data-status="closed"]) .row[aria-current="true"]`))
}

// connectAndCall moves a connection on, and answers a call.
func (p *pageUnderTest) connectAndCall() {
	p.t.Helper()
	p.click("open-onboarding")
	p.reads(`[data-testid="onboarding-row"][data-site="4712"]`, "arming")
	p.click("onboarding-test-on")
	p.see("it is on test", chromedp.WaitVisible(`[data-testid="onboarding-test-off"]`))
	p.shoot()
	p.click("onboarding-next")
	p.see("it has moved on", chromedp.WaitVisible(`[data-testid="onboarding-row"][data-stage="tested"]`))
	p.click("close-onboarding")
	p.see("the move without its test is detected", chromedp.WaitVisible(`[data-testid="detection-row"][data-kind="commissioning-incomplete"]`))
	p.click("open-calls")
	p.click("call-offer")
	p.click("call-answer")
	p.reads(`[data-testid="calls-share"]`, "100")
	p.shoot()
	p.click("call-end")
	p.see("no call is under way", chromedp.WaitNotPresent(`[data-testid="call-row"]`))
	p.click("close-calls")
	p.click("open-shift")
	p.click("do-shift")
	p.reads(`[data-testid="shift-said"]`, "Confirmed")
}

// letOthersIn invites a second shift leader by the page, who lets in an operator and
// a reader; each may do what the role says.
func (in *installationUnderTest) letOthersIn(p *pageUnderTest) {
	in.t.Helper()
	p.reads(`[data-testid="people"]`, "operator")
	p.fill("person", "person", "lea")
	p.fill("person", "role", "shift-leader")
	p.click("invite")
	p.reads(`[data-testid="people"]`, "lea")
	p.see("there is a link", chromedp.WaitVisible(`[data-testid="invitation"]`))
	p.shoot()
	link, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](`document.querySelector('[data-testid="invitation"]').value`))
	if err != nil {
		in.t.Fatal(err)
	}
	lea := in.logIn(link, "shift-leader")
	anne := in.logIn(in.invite(lea, "anne", "operator"), "operator")
	paul := in.logIn(in.invite(lea, "paul", "reader"), "reader")
	tenHours := map[string]any{"act": "test-on", "by": "contact-1", "authenticated_how": "passcode", "until_ms": time.Now().Add(10 * time.Hour).UnixMilli()}
	for _, try := range []struct {
		who  *http.Client
		name string
		want int
		says string
	}{{anne, "an operator", 409, "test-too-long"}, {paul, "a reader", 403, "forbidden"}, {lea, "a shift leader", 201, "accepted"}} {
		if code, said := in.asks(try.who, http.MethodPost, "/api/v1/sites/4711/acts", tenHours); code != try.want || !bytes.Contains(said, []byte(try.says)) {
			in.t.Errorf("%s puts a site on test for 10 h: %d %s", try.name, code, said)
		}
	}
	if code, _ := in.asks(paul, http.MethodGet, "/api/v1/sites", nil); code != 200 {
		in.t.Errorf("a reader looks at the sites: %d", code)
	}
}

func (in *installationUnderTest) invite(leader *http.Client, name, role string) string {
	in.t.Helper()
	code, said := in.asks(leader, http.MethodPost, "/api/v1/people", map[string]any{"name": name, "role": role})
	var out struct{ Link string }
	if err := json.Unmarshal(said, &out); err != nil || code != http.StatusCreated {
		in.t.Fatalf("inviting %s: %d %s %v", name, code, said, err)
	}
	return out.Link
}

// logIn opens a link as a browser does.
func (in *installationUnderTest) logIn(link, role string) *http.Client {
	in.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		in.t.Fatal(err)
	}
	who := &http.Client{Jar: jar}
	resp, err := who.Get(link)
	if err != nil {
		in.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if code, said := in.asks(who, http.MethodGet, "/api/v1/me", nil); code != 200 || !bytes.Contains(said, []byte(role)) {
		in.t.Fatalf("logged in by the link: %d %s", code, said)
	}
	return who
}

func (in *installationUnderTest) asks(who *http.Client, method, path string, body any) (int, []byte) {
	in.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		in.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(in.t.Context(), method, in.Console.URL+path, bytes.NewReader(raw))
	if err != nil {
		in.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", rand.Text())
	resp, err := who.Do(r)
	if err != nil {
		in.t.Fatal(err)
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, said
}
