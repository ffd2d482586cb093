// Package auth says who makes a request: people by an opaque session that a
// one-time login link opens, machines by a bearer token. Only hashes are kept,
// in one file of the data directory, so that sessions outlive a restart.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/open-vigie/vigie/services/internal/httpserver/problem"
)

// Bounds and times.
const (
	// sessionTTL outlasts any shift, so that nobody is logged out in mid-incident.
	sessionTTL = 30 * 24 * time.Hour
	// linkTTL is how long a printed login link may wait to be opened.
	linkTTL = 24 * time.Hour
	// maxSessions bounds the file; the oldest session gives way.
	maxSessions = 1_000
	// maxLinks bounds the links that wait to be opened.
	maxLinks = 1_000
	// secretBytes of randomness make a token.
	secretBytes = 32
)

// Roles of those who make requests.
const (
	// RoleOperator handles incidents.
	RoleOperator = "operator"
	// RoleShiftLeader (chef de poste) is an operator who lets people in, and whom some
	// rules ask for.
	RoleShiftLeader = "shift-leader"
	// RoleReader only looks: managers, planners, auditors.
	RoleReader  = "reader"
	RoleMachine = "machine"
)

// User is who makes a request.
type User struct {
	// Name of [a-z0-9][a-z0-9._-]{0,63}, as it stands in the log.
	Name string
	Role string
}

// IsPerson tells people from machines.
func (u User) IsPerson() bool { return u.Role != "" && u.Role != RoleMachine }

// Config says where the file is and who there is.
type Config struct {
	// Dir is where auth.json is kept, made 0700 when absent.
	Dir string
	// User is the first person, who is the shift leader; "operator" when empty.
	User string
}

// Deps is what the gate is given.
type Deps struct {
	Log *slog.Logger
	// Now is the time source of expiries.
	Now func() time.Time
}

// Auth keeps sessions, links and tokens. Safe for concurrent use.
type Auth struct {
	user string
	path string
	log  *slog.Logger
	now  func() time.Time

	mu sync.Mutex
	// links wait in memory only: a restart prints a new one.
	links map[digest]link
	state stored
	// under way are the requests of people, by what ends them with their session.
	underWay map[*request]struct{}
}

// request of a person; end is called when their session ends before it.
type request struct {
	user, session string
	end           context.CancelFunc
}

type digest [sha256.Size]byte

type link struct {
	user    string
	expires time.Time
	used    bool
}

var userName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// Open reads the file, or starts a new one.
func Open(cfg Config, deps Deps) (*Auth, error) {
	if cfg.User == "" {
		cfg.User = "operator"
	}
	if !userName.MatchString(cfg.User) {
		return nil, fmt.Errorf("user name %q: 1 to 64 of a-z 0-9 . _ - are expected, a letter or digit first", cfg.User)
	}
	a := &Auth{user: cfg.User, path: filepath.Join(cfg.Dir, "auth.json"), log: deps.Log, now: deps.Now, links: map[digest]link{}, underWay: map[*request]struct{}{}}
	if err := a.load(); err != nil {
		return nil, err
	}
	return a, nil
}

// LoginLink makes a link that opens one session of the first person, once, within a
// day. base is the console's address, for example http://127.0.0.1:8080.
func (a *Auth) LoginLink(base string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.linkFor(a.user, base)
}

func (a *Auth) linkFor(user, base string) string {
	token := secret()
	if len(a.links) >= maxLinks {
		a.forgetOldestLink()
	}
	a.links[hash(token)] = link{user: user, expires: a.now().Add(linkTTL)}
	return strings.TrimSuffix(base, "/") + "/login?t=" + token
}

func (a *Auth) forgetOldestLink() {
	var oldest digest
	first := true
	for d, l := range a.links {
		if first || l.expires.Before(a.links[oldest].expires) {
			oldest, first = d, false
		}
	}
	delete(a.links, oldest)
}

// IssueToken makes a bearer token for a machine; an earlier token of that name
// ends. It can be shown now and never again.
func (a *Auth) IssueToken(name string) (string, error) {
	if !userName.MatchString(name) {
		return "", fmt.Errorf("token name %q: 1 to 64 of a-z 0-9 . _ - are expected, a letter or digit first", name)
	}
	token := secret()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.setToken(name, hash(token))
	if err := a.save(); err != nil {
		return "", fmt.Errorf("keep the token %q: %w", name, err)
	}
	return token, nil
}

// minToken is the length of a token that others chose: 128 bits as hexadecimal.
const minToken = 32

// AcceptToken lets a machine in by a token that was made elsewhere: where several
// processes must know it, their installation makes it. An earlier token of that
// name ends.
func (a *Auth) AcceptToken(name, token string) error {
	if !userName.MatchString(name) {
		return fmt.Errorf("token name %q: 1 to 64 of a-z 0-9 . _ - are expected, a letter or digit first", name)
	}
	if len(token) < minToken {
		return fmt.Errorf("the token %q has %d characters: give it %d random ones or more (openssl rand -hex 32)", name, len(token), minToken)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.setToken(name, hash(token))
	if err := a.save(); err != nil {
		return fmt.Errorf("keep the token %q: %w", name, err)
	}
	return nil
}

// errLink says that a login link opens nothing.
var errLink = errors.New("the login link was used, has expired, or was never made")

// open uses a login link up and returns the cookie's value.
func (a *Auth) open(token string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := hash(token)
	l, ok := a.links[d]
	if !ok || l.used || a.now().After(l.expires) {
		return "", errLink
	}
	value := secret()
	a.state.addSession(session{Hash: encode(hash(value)), User: l.user, Expires: a.now().Add(sessionTTL)}, a.now())
	if err := a.save(); err != nil {
		return "", fmt.Errorf("keep the session: %w", err)
	}
	l.used = true
	a.links[d] = l
	return value, nil
}

// close ends the session of a cookie's value.
func (a *Auth) close(value string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	session := encode(hash(value))
	a.state.dropSession(session)
	a.endRequests(func(r *request) bool { return r.session == session })
	return a.save()
}

// endRequests ends those under way, a live stream above all, whose session is over.
func (a *Auth) endRequests(over func(*request) bool) {
	for r := range a.underWay {
		if over(r) {
			r.end()
		}
	}
}

// during is the context of a person's request, which ends with their session; done
// is to be called after the request.
func (a *Auth) during(r *http.Request, u User) (ctx context.Context, done func()) {
	ctx, end := context.WithCancel(With(r.Context(), u))
	c, err := r.Cookie(a.cookieName())
	if err != nil || !u.IsPerson() {
		return ctx, end
	}
	one := &request{u.Name, encode(hash(c.Value)), end}
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, still := a.state.session(one.session); !still {
		end() // It ended since it was looked at.
	}
	a.underWay[one] = struct{}{}
	return ctx, func() {
		end()
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.underWay, one)
	}
}

// who finds the user of a request, and false for nobody.
func (a *Auth) who(r *http.Request) (User, bool) {
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return a.machine(bearer)
	}
	c, err := r.Cookie(a.cookieName())
	if err != nil {
		return User{}, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s, ok := a.state.session(encode(hash(c.Value)))
	role := a.roleOf(s.User)
	if !ok || role == "" || a.now().After(s.Expires) {
		return User{}, false
	}
	return User{Name: s.User, Role: role}, true
}

func (a *Auth) machine(bearer string) (User, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	name, ok := a.state.token(encode(hash(bearer)))
	return User{Name: name, Role: RoleMachine}, ok
}

type userKey struct{}

// UserOf is who made the request of this context. The zero User where no gate stood.
func UserOf(ctx context.Context) User {
	u, _ := ctx.Value(userKey{}).(User)
	return u
}

// With returns a context whose requests a user makes; tests of roles use it.
func With(ctx context.Context, u User) context.Context { return context.WithValue(ctx, userKey{}, u) }

// open routes need nobody: they say how to get in, or that the process lives.
func isOpen(path string) bool {
	return path == "/login" || path == "/login/style.css" || path == "/healthz" || strings.HasPrefix(path, "/problems/")
}

// Require lets known users through and tells others how to get in: a problem
// for the API, a page for people.
func (a *Auth) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, ok := a.who(r)
		switch {
		case ok && u.Role == RoleReader && !onlyLooks(r):
			problem.Write(w, r, problem.New(problem.Forbidden, "a reader looks, and changes nothing"))
		case ok:
			ctx, done := a.during(r, u)
			defer done()
			next.ServeHTTP(w, r.WithContext(ctx))
		case isOpen(r.URL.Path):
			next.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, "/api/"):
			w.Header().Set("WWW-Authenticate", `Bearer realm="vigie"`)
			problem.Write(w, r, problem.New(problem.Unauthorised, "no valid session or bearer token came with the request"))
		default:
			a.page(w, r, http.StatusUnauthorized, pageSignIn)
		}
	})
}

// onlyLooks: the request changes nothing but the reader's own session. A question to
// a dashboard's panel is a POST that reads.
func onlyLooks(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead || r.URL.Path == "/logout" || strings.HasPrefix(r.URL.Path, "/api/v1/queries/")
}

func secret() string {
	b := make([]byte, secretBytes)
	// crypto/rand.Read never fails: it ends the process instead.
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// hash needs no salt or stretching: secrets are 256 random bits.
func hash(secret string) digest { return sha256.Sum256([]byte(secret)) }

func encode(d digest) string { return base64.RawURLEncoding.EncodeToString(d[:]) }
