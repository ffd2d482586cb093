package auth

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// peopleDoor is a door with the operations of people, and an act to try.
func newPeopleDoor(t *testing.T) *door {
	d := newDoor(t)
	mux := http.NewServeMux()
	d.auth.Mount(mux)
	RegisterPeople(humago.New(mux, huma.DefaultConfig("test", "1")), d.auth, "")
	mux.HandleFunc("POST /api/v1/acts", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /api/v1/queries/{name}", func(http.ResponseWriter, *http.Request) {})
	d.mux = d.auth.Require(mux)
	return d
}

func (d *door) send(method, path, body string, as func(*http.Request)) (int, string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "x"
	r.Header.Set("Content-Type", "application/json")
	if as != nil {
		as(r)
	}
	w := httptest.NewRecorder()
	d.mux.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// invite lets a person in, and logs them in.
func (d *door) invite(leader func(*http.Request), name, role string) func(*http.Request) {
	d.t.Helper()
	status, said := d.send(http.MethodPost, "/api/v1/people", `{"name":"`+name+`","role":"`+role+`"}`, leader)
	var got Invitation
	if err := json.Unmarshal([]byte(said), &got); err != nil || status != http.StatusCreated {
		d.t.Fatalf("%d %s %v", status, said, err)
	}
	if got.Name != name || got.Role != role {
		d.t.Fatalf("invited %+v", got.Person)
	}
	return d.login(got.Link)
}

func (d *door) roleOf(as func(*http.Request)) string {
	var me struct{ Role string }
	_ = json.NewDecoder(d.get("/api/v1/me", as).Body).Decode(&me)
	return me.Role
}

func TestAShiftLeaderLetsPeopleIn(t *testing.T) {
	d := newPeopleDoor(t)
	leader := d.login(d.auth.LoginLink("http://x"))
	if got := d.roleOf(leader); got != RoleShiftLeader {
		t.Fatalf("the first person is %q", got)
	}
	for _, role := range []string{RoleOperator, RoleShiftLeader, RoleReader} {
		if got := d.roleOf(d.invite(leader, "new-"+role, role)); got != role {
			t.Errorf("invited as %s, they are %q", role, got)
		}
	}
	anne := d.invite(leader, "anne", RoleOperator)
	again := d.invite(leader, "anne", RoleShiftLeader)
	if first, second := d.get("/api/v1/me", anne).StatusCode, d.roleOf(again); first != 401 || second != RoleShiftLeader {
		t.Errorf("given another role, her old session answers %d and her new one is %q", first, second)
	}
	if got := d.auth.People(); !slices.Equal(got, []Person{
		{"anne", RoleShiftLeader}, {"new-operator", RoleOperator}, {"new-reader", RoleReader}, {"new-shift-leader", RoleShiftLeader}, {"operator", RoleShiftLeader},
	}) {
		t.Errorf("there are %v", got)
	}
}

func TestOnlyAShiftLeaderLetsPeopleIn(t *testing.T) {
	d := newPeopleDoor(t)
	leader := d.login(d.auth.LoginLink("http://x"))
	token, _ := d.auth.IssueToken("exchange")
	for who, as := range map[string]func(*http.Request){
		"an operator": d.invite(leader, "anne", RoleOperator), "a reader": d.invite(leader, "paul", RoleReader), "a machine": bearer(token),
	} {
		for _, try := range [][3]string{
			{http.MethodGet, "/api/v1/people"}, {http.MethodPost, "/api/v1/people", `{"name":"eve","role":"shift-leader"}`}, {http.MethodDelete, "/api/v1/people/anne"},
		} {
			if status, _ := d.send(try[0], try[1], try[2], as); status != http.StatusForbidden {
				t.Errorf("%s: %s %s is answered %d", who, try[0], try[1], status)
			}
		}
	}
}

func TestAReaderChangesNothing(t *testing.T) {
	d := newPeopleDoor(t)
	leader := d.login(d.auth.LoginLink("http://x"))
	reader := d.invite(leader, "paul", RoleReader)
	for _, try := range []struct {
		path string
		want int
	}{{"/api/v1/acts", 403}, {"/api/v1/queries/alarms", 200}, {"/logout", 303}} { // the last ends the session
		if status, _ := d.send(http.MethodPost, try.path, `{}`, reader); status != try.want {
			t.Errorf("POST %s of a reader: %d, want %d", try.path, status, try.want)
		}
	}
	if status, _ := d.send(http.MethodPost, "/api/v1/acts", `{}`, d.invite(leader, "anne", RoleOperator)); status != 200 {
		t.Errorf("an operator's act: %d", status)
	}
}

func TestARemovedPersonIsOutAtOnce(t *testing.T) {
	d := newPeopleDoor(t)
	leader := d.login(d.auth.LoginLink("http://x"))
	anne := d.invite(leader, "anne", RoleOperator)
	link, err := d.auth.Invite(Person{"anne", RoleOperator}, "http://x")
	if err != nil {
		t.Fatal(err)
	}
	if status, said := d.send(http.MethodDelete, "/api/v1/people/anne", "", leader); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, said)
	}
	if status := d.get("/api/v1/me", anne).StatusCode; status != 401 {
		t.Errorf("her session answers %d", status)
	}
	if status := d.get(strings.TrimPrefix(link, "http://x"), nil).StatusCode; status != 403 {
		t.Errorf("her link answers %d", status)
	}
	d.invite(leader, "anne", RoleReader)
	if status := d.get("/api/v1/me", anne).StatusCode; status != 401 {
		t.Errorf("let in again, her old session answers %d", status)
	}
	if status, _ := d.send(http.MethodDelete, "/api/v1/people/nobody", "", leader); status != 404 {
		t.Errorf("removing nobody: %d", status)
	}
}

func TestTheFirstPersonStays(t *testing.T) {
	d := newPeopleDoor(t)
	if err := d.auth.Remove("operator"); !errors.Is(err, ErrFirstPerson) {
		t.Errorf("removed: %v", err)
	}
	for _, role := range []string{RoleReader, RoleShiftLeader} { // nor does anybody stand in for them
		if _, err := d.auth.Invite(Person{"operator", role}, ""); !errors.Is(err, ErrFirstPerson) {
			t.Errorf("invited as %s: %v", role, err)
		}
	}
	_, _ = d.auth.IssueToken("exchange")
	for _, name := range []string{"Anne B.", "", ".", "..", "-x", "vigie", "exchange", strings.Repeat("a", 65)} {
		if _, err := d.auth.Invite(Person{name, RoleOperator}, ""); err == nil {
			t.Errorf("%q was let in", name)
		}
	}
	if _, err := d.auth.Invite(Person{"anne", RoleMachine}, ""); err == nil {
		t.Error("a person became a machine")
	}
}

func TestPeopleOutliveARestart(t *testing.T) {
	d := newPeopleDoor(t)
	anne := d.invite(d.login(d.auth.LoginLink("http://x")), "anne", RoleReader)
	d.restart()
	if got := d.roleOf(anne); got != RoleReader {
		t.Errorf("after a restart she is %q", got)
	}
}

func TestASessionOfNobodyOpensNothing(t *testing.T) {
	d := newPeopleDoor(t)
	anne := d.invite(d.login(d.auth.LoginLink("http://x")), "anne", RoleOperator)
	d.auth.state.People = nil // As a file that was edited says.
	if got := d.get("/api/v1/me", anne).StatusCode; got != 401 {
		t.Errorf("answered %d", got)
	}
}

// What a person has open, a live stream above all, ends with their session.
func TestAStreamEndsWithItsSession(t *testing.T) {
	for name, end := range map[string]func(*door, func(*http.Request)){
		"removed":    func(d *door, _ func(*http.Request)) { _ = d.auth.Remove("anne") },
		"logged out": func(d *door, anne func(*http.Request)) { d.send(http.MethodPost, "/logout", "", anne) },
		"let in anew": func(d *door, _ func(*http.Request)) {
			_, _ = d.auth.Invite(Person{"anne", RoleReader}, "http://x")
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newPeopleDoor(t)
			anne := d.invite(d.login(d.auth.LoginLink("http://x")), "anne", RoleOperator)
			entered, left := make(chan struct{}), make(chan struct{})
			stream := d.auth.Require(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				close(entered)
				<-r.Context().Done()
				close(left)
			}))
			r := httptest.NewRequest(http.MethodGet, "/api/v1/stream", nil)
			anne(r)
			go stream.ServeHTTP(httptest.NewRecorder(), r)
			<-entered
			end(d, anne)
			<-left
		})
	}
}

func TestALinkLeadsToAPlainAddress(t *testing.T) {
	d := newPeopleDoor(t)
	leader := d.login(d.auth.LoginLink("http://x"))
	for host, want := range map[string]int{"centre.example:8080": 201, "127.0.0.1:8080": 201, "[::1]:8080": 201, "javascript:alert(1)": 422, "": 422, "a/b": 422} {
		if status, said := d.send(http.MethodPost, "/api/v1/people", `{"name":"anne","role":"operator"}`, func(r *http.Request) { leader(r); r.Host = host }); status != want {
			t.Errorf("%q: %d %s, want %d", host, status, said, want)
		}
	}
}
