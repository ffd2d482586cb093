package auth

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Who there is. The first person is the one of Config: the shift leader, chef de
// poste, who always exists and lets the others in.

// maxPeople bounds the file.
const maxPeople = 1_000

// Person is somebody who may log in.
type Person struct {
	Name string `json:"name" pattern:"^[a-z0-9][a-z0-9._-]{0,63}$" example:"anne" doc:"As it stands in the log and on incidents."`
	Role string `json:"role" enum:"operator,shift-leader,reader" doc:"operator handles incidents; shift-leader also lets people in, and puts a site on test for more than 8 h; reader only looks."`
}

// Errors of people.
var (
	// ErrNoSuchPerson: nobody has that name.
	ErrNoSuchPerson = errors.New("nobody has that name")
	// ErrFirstPerson: the shift leader of the installation cannot be changed, nor
	// stood in for.
	ErrFirstPerson = errors.New("the installation's own shift leader stays: somebody must be able to let the others in")
	errReserved    = errors.New("a machine or a part of Vigie acts under that name")
	errTooMany     = fmt.Errorf("%d people are known: remove one first", maxPeople)
)

// People lists who may log in, by name.
func (a *Auth) People() []Person {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := append([]Person{{a.user, RoleShiftLeader}}, a.state.People...)
	slices.SortFunc(all, func(x, y Person) int { return strings.Compare(x.Name, y.Name) })
	return all
}

// partsOfVigie act in the log under names of their own.
var partsOfVigie = []string{"vigie", "demo", "policy", "archiver", "processor", "receiver", "fleet", "system"}

// Invite lets a person in, or gives one who is there another role, and makes the
// link that opens a session. Sessions that they had end, so that two never act under
// one name unnoticed. base is the console's address.
func (a *Auth) Invite(p Person, base string) (string, error) {
	switch {
	case !userName.MatchString(p.Name):
		return "", fmt.Errorf("user name %q: 1 to 64 of a-z 0-9 . _ - are expected", p.Name)
	case p.Role != RoleOperator && p.Role != RoleShiftLeader && p.Role != RoleReader:
		return "", fmt.Errorf("role %q: %s, %s or %s is expected", p.Role, RoleOperator, RoleShiftLeader, RoleReader)
	case p.Name == a.user:
		return "", ErrFirstPerson
	case slices.Contains(partsOfVigie, p.Name):
		return "", errReserved
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	i := slices.IndexFunc(a.state.People, func(o Person) bool { return o.Name == p.Name })
	switch {
	case slices.ContainsFunc(a.state.Tokens, func(t token) bool { return t.Name == p.Name }):
		return "", errReserved
	case i >= 0:
		a.state.People[i] = p
		a.logOut(p.Name)
	case len(a.state.People) >= maxPeople:
		return "", errTooMany
	default:
		a.state.People = append(a.state.People, p)
	}
	if err := a.save(); err != nil {
		return "", fmt.Errorf("keep %q: %w", p.Name, err)
	}
	return a.linkFor(p.Name, base), nil
}

// logOut ends a person's sessions, links and requests under way.
func (a *Auth) logOut(name string) {
	a.state.Sessions = slices.DeleteFunc(a.state.Sessions, func(s session) bool { return s.User == name })
	maps.DeleteFunc(a.links, func(_ digest, l link) bool { return l.user == name })
	a.endRequests(func(r *request) bool { return r.user == name })
}

// Remove ends a person's sessions and links. What they did stays in the log.
func (a *Auth) Remove(name string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if name == a.user {
		return ErrFirstPerson
	}
	i := slices.IndexFunc(a.state.People, func(o Person) bool { return o.Name == name })
	if i < 0 {
		return fmt.Errorf("%q: %w", name, ErrNoSuchPerson)
	}
	a.state.People = slices.Delete(a.state.People, i, i+1)
	a.logOut(name)
	if err := a.save(); err != nil {
		return fmt.Errorf("remove %q: %w", name, err)
	}
	return nil
}

// roleOf a person; "" for one who is not known any more.
func (a *Auth) roleOf(name string) string {
	if name == a.user {
		return RoleShiftLeader
	}
	for _, p := range a.state.People {
		if p.Name == name {
			return p.Role
		}
	}
	return ""
}
