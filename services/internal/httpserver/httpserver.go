// Package httpserver is Vigie's one way to serve HTTP: one origin that carries
// the API, the live stream and the page, with limits, security headers and
// RFC 9457 errors.
package httpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/open-vigie/vigie/services/internal/httpserver/problem"
)

// Limits of a connection. A handler that streams lifts its own write deadline.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
	// shutdownGrace is what requests under way are given to finish at a stop.
	shutdownGrace = 5 * time.Second
)

// Config says where to listen and what the API calls itself.
type Config struct {
	// Addr is host:port; port 0 takes any free one.
	Addr string
	// Version of the program, shown in the OpenAPI document.
	Version string
}

// Gate lets a request through, or answers it. Package auth has one.
type Gate interface {
	Require(next http.Handler) http.Handler
}

// Deps is what the server is given.
type Deps struct {
	Log     *slog.Logger
	Metrics prometheus.Registerer
	// Gate stands before every route that is not open.
	Gate Gate
}

// Server is the HTTP server. Roles mount themselves on API and Mux before Run.
type Server struct {
	cfg     Config
	log     *slog.Logger
	mux     *http.ServeMux
	api     huma.API
	handler http.Handler
	ready   chan struct{}
	addr    string
}

// New returns a server that does not listen yet.
func New(cfg Config, deps Deps) (*Server, error) {
	if _, _, err := net.SplitHostPort(cfg.Addr); err != nil {
		return nil, fmt.Errorf("http address %q: %w; host:port is expected", cfg.Addr, err)
	}
	s := &Server{cfg: cfg, log: deps.Log, mux: http.NewServeMux(), ready: make(chan struct{})}
	s.api = NewAPI(s.mux, cfg.Version)
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	s.mux.HandleFunc("GET /problems/{slug}", problem.Page)
	measured, err := measure(deps.Metrics, s.mux)
	if err != nil {
		return nil, err
	}
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		problem.Write(w, r, problem.New(problem.Forbidden, "the request came from the page of another site"))
	}))
	s.handler = securityHeaders(s.recovered(crossOrigin.Handler(deps.Gate.Require(measured))))
	return s, nil
}

// NewAPI returns the API of one mux: /api/v1, OpenAPI at /api/v1/openapi.json.
func NewAPI(mux *http.ServeMux, version string) huma.API {
	config := huma.DefaultConfig("Vigie", version)
	config.OpenAPIPath = "/api/v1/openapi"
	// No page that loads its scripts from elsewhere; no $schema links in bodies.
	config.DocsPath = ""
	config.SchemasPath = ""
	config.CreateHooks = nil
	config.Info.Description = "People's acts in, states, detections and incidents out. Errors are RFC 9457 problems."
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"session": {Type: "apiKey", In: "cookie", Name: "vigie_session", Description: "Set by /login; its name ends in a mark of the installation."},
		"token":   {Type: "http", Scheme: "bearer"},
	}
	config.Security = []map[string][]string{{"session": {}}, {"token": {}}}
	problem.UseInHuma(&config)
	return humago.New(mux, config)
}

// API is where roles register operations.
func (s *Server) API() huma.API { return s.api }

// Mux is where roles mount what is no API: the page, the login.
func (s *Server) Mux() *http.ServeMux { return s.mux }

// Handler is everything that the server serves, for tests without a socket.
func (s *Server) Handler() http.Handler { return s.handler }

// Ready is closed once the server listens.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Addr is host:port as listened on; valid once Ready.
func (s *Server) Addr() string { return s.addr }

// Run listens and serves until ctx ends, then lets requests finish.
func (s *Server) Run(ctx context.Context) error {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", s.cfg.Addr)
	if err != nil {
		return fmt.Errorf("listen for HTTP on %s: %w", s.cfg.Addr, err)
	}
	closing := make(chan struct{})
	base := context.WithValue(context.WithoutCancel(ctx), closingKey{}, (<-chan struct{})(closing))
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return base },
	}
	s.addr = ln.Addr().String()
	close(s.ready)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	select {
	case err := <-served:
		close(closing)
		return fmt.Errorf("serve HTTP on %s: %w", s.addr, err)
	case <-ctx.Done():
	}
	close(closing)
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		// What did not finish in time is cut.
		_ = server.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP on %s: %w", s.addr, err)
	}
	return nil
}

type closingKey struct{}

// Closing is closed when the server stops: streams end then. nil, which blocks
// for ever, for a request that no Server took.
func Closing(ctx context.Context) <-chan struct{} {
	c, _ := ctx.Value(closingKey{}).(<-chan struct{})
	return c
}

// contentSecurity allows nothing but our own files: no inline script or style.
const contentSecurity = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

func securityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurity)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// recovered answers a handler's panic with a problem, and says where it was.
func (s *Server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(v)
			}
			s.log.Error("a request failed", "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			problem.Write(w, r, problem.New(problem.Internal, ""))
		}()
		next.ServeHTTP(w, r)
	})
}

// RegisterMetrics registers what a server counts, for the page that lists it.
func RegisterMetrics(reg prometheus.Registerer) error {
	_, err := measure(reg, http.NotFoundHandler())
	return err
}

// measure counts and times requests by route.
func measure(reg prometheus.Registerer, next http.Handler) (http.Handler, error) {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "vigie_http_requests_total", Help: "HTTP requests answered, by route and status."}, []string{"route", "code"})
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "vigie_http_request_duration_seconds", Help: "Time to answer a request, by route; streams are not timed.", Buckets: prometheus.DefBuckets}, []string{"route"})
	for _, c := range []prometheus.Collector{requests, duration} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register HTTP metrics: %w", err)
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		sw := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(sw, r)
		route := r.Pattern
		if route == "" {
			route = "none"
		}
		requests.WithLabelValues(route, strconv.Itoa(sw.status)).Inc()
		if !sw.flushed {
			duration.WithLabelValues(route).Observe(time.Since(started).Seconds())
		}
	}), nil
}

type statusWriter struct {
	http.ResponseWriter
	status  int
	flushed bool
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// FlushError marks the answer as a stream.
func (w *statusWriter) FlushError() error {
	w.flushed = true
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
