package auth

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"regexp"

	"github.com/danielgtaylor/huma/v2"

	"github.com/open-vigie/vigie/services/internal/httpserver/problem"
)

// Invitation is a person with the link that lets them in.
type Invitation struct {
	Person
	Link string `json:"link" doc:"Opens one session, once, within a day. Give it to nobody else; it is shown now and never again."`
}

type peopleList struct {
	Body struct {
		People []Person `json:"people"`
	}
}

type invitationInput struct {
	Body Person
	// origin is the address by which the leader came.
	origin string
}

var plainHost = regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]{1,5})?$|^\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?$`)

// Resolve implements huma.Resolver.
func (in *invitationInput) Resolve(ctx huma.Context) []error {
	if !plainHost.MatchString(ctx.Host()) {
		return []error{problem.New(problem.Invalid, "the address by which you came is none that a link could lead to; http.url says which does")}
	}
	in.origin = "http://" + ctx.Host()
	if ctx.TLS() != nil {
		in.origin = "https://" + ctx.Host()
	}
	return nil
}

// RegisterPeople adds the operations by which a shift leader lets people in. url is
// the console's address as people type it; the request's own when empty.
func RegisterPeople(api huma.API, a *Auth, url string) {
	huma.Register(api, huma.Operation{
		OperationID: "list-people", Method: http.MethodGet, Path: "/api/v1/people", Summary: "Who may log in",
		Errors: []int{401, 403}, Tags: []string{"people"},
	}, func(ctx context.Context, _ *struct{}) (*peopleList, error) {
		if err := onlyLeader(ctx); err != nil {
			return nil, err
		}
		out := &peopleList{}
		out.Body.People = a.People()
		return out, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "invite-person", Method: http.MethodPost, Path: "/api/v1/people", Summary: "Let a person in",
		Description: "By a shift leader. The same for somebody who is there gives the role anew and another link; the sessions that they had end.",
		Errors:      []int{401, 403, 422}, Tags: []string{"people"}, DefaultStatus: http.StatusCreated,
	}, func(ctx context.Context, in *invitationInput) (*struct{ Body Invitation }, error) {
		if err := onlyLeader(ctx); err != nil {
			return nil, err
		}
		link, err := a.Invite(in.Body, cmp.Or(url, in.origin))
		if err != nil {
			return nil, problem.New(problem.Invalid, err.Error())
		}
		a.log.Info("a person was let in", slog.String("by", UserOf(ctx).Name), slog.String("user", in.Body.Name), slog.String("role", in.Body.Role))
		return &struct{ Body Invitation }{Invitation{in.Body, link}}, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "remove-person", Method: http.MethodDelete, Path: "/api/v1/people/{name}", Summary: "Let a person in no more",
		Description: "Ends their sessions at once. What they did stays in the log, under their name.",
		Errors:      []int{401, 403, 404, 422}, Tags: []string{"people"}, DefaultStatus: http.StatusNoContent,
	}, func(ctx context.Context, in *struct {
		Name string `path:"name" maxLength:"64"`
	}) (*struct{}, error) {
		if err := onlyLeader(ctx); err != nil {
			return nil, err
		}
		switch err := a.Remove(in.Name); {
		case errors.Is(err, ErrNoSuchPerson):
			return nil, problem.New(problem.NotFound, err.Error())
		case err != nil:
			return nil, problem.New(problem.Invalid, err.Error())
		}
		a.log.Info("a person is let in no more", slog.String("by", UserOf(ctx).Name), slog.String("user", in.Name))
		return nil, nil
	})
}

func onlyLeader(ctx context.Context) error {
	if u := UserOf(ctx); u.Role != RoleShiftLeader {
		return problem.New(problem.Forbidden, "only a shift leader lets people in")
	}
	return nil
}
