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
	d.invite(leader, "anne", RoleShiftLeader)
	if got := d.roleOf(anne); got != RoleShiftLeader {
		t.Errorf("given another role, her session says %q", got)
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
	if _, err := d.auth.Invite(Person{"operator", RoleReader}, ""); !errors.Is(err, ErrFirstPerson) {
		t.Errorf("made a reader: %v", err)
	}
	if _, err := d.auth.Invite(Person{"Anne B.", RoleOperator}, ""); err == nil {
		t.Error("a name that the log does not take was let in")
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
