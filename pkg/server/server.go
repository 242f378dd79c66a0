package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-logr/logr"
	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// Operations is what runs operations; *operation.Manager does.
type Operations interface {
	Types() rest.Types
	Submit(ctx context.Context, req rest.Request, warnings []string) (op rest.Operation, created bool, err error)
	Get(id string) (rest.Operation, error)
	List(f operation.Filter) []rest.Operation
	Cancel(ctx context.Context, id string) (rest.Operation, error)
}

// Node is the Cassandra node beside the sidecar.
type Node interface {
	Version(ctx context.Context) (rest.CassandraVersion, error)
	SchemaVersion(ctx context.Context) (string, error)
	OperationMode(ctx context.Context) (string, error)
	// Topology is the whole ring, with the real racks.
	Topology(ctx context.Context) (rest.Topology, error)
	// Configuration is cassandra.yaml, without its passwords.
	Configuration(ctx context.Context) ([]byte, error)
}

// Config is what a Handler needs.
type Config struct {
	Operations Operations
	Node       Node
	Version    rest.SidecarVersion
	// Throttle changes how fast an operation moves bytes on this node; 0 is no limit.
	// Where it is nil nothing can be changed.
	Throttle func(id string, bytesPerSecond int64) error
	// Authenticate is asked about every request, whatever its path; nil lets all in.
	Authenticate Authenticator
	// AllowCredentialsOverHTTP takes requests that carry credentials from other
	// hosts in plain HTTP, too.
	AllowCredentialsOverHTTP bool
	// DisableCORS leaves out the headers that let pages of other origins in.
	DisableCORS bool
	Log         logr.Logger
	// Clock measures requests for the log; the real one by default.
	Clock clock.PassiveClock
}

// The bounds of a connection. A request is small and comes at once; an answer
// may wait for Cassandra.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = 60 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 16 << 10
	// nodeTimeout bounds what a GET asks of Cassandra.
	nodeTimeout = 20 * time.Second
	// shutdownPatience is for answers on their way when the sidecar stops.
	shutdownPatience = 5 * time.Second
)

// Handler is the API.
func Handler(c Config) http.Handler {
	if c.Clock == nil {
		c.Clock = clock.RealClock{}
	}
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.RedirectTrailingSlash = false
	engine.HandleMethodNotAllowed = true
	engine.Use(logging(c.Log, c.Clock), cors(c.DisableCORS), recovery(), authenticated(c.Authenticate), acceptable())
	engine.NoRoute(func(g *gin.Context) {
		fail(g, &rest.Error{Code: http.StatusNotFound, Message: fmt.Sprintf("there is no %.200q here", g.Request.URL.Path)})
	})
	engine.NoMethod(func(g *gin.Context) {
		fail(g, &rest.Error{
			Code:    http.StatusMethodNotAllowed,
			Message: fmt.Sprintf("%.20q is not a method of %.200q", g.Request.Method, g.Request.URL.Path),
		})
	})
	register(engine, (&api{Config: c, description: describe(c)}).routes())
	return withoutTrailingSlash(engine)
}

// withoutTrailingSlash takes /operations/ for /operations, as the original did.
// A redirect would lose the bodies of clients that do not follow it.
func withoutTrailingSlash(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := r.URL.Path; len(p) > 1 && strings.HasSuffix(p, "/") {
			r = r.Clone(r.Context())
			r.URL.Path, r.URL.RawPath = strings.TrimSuffix(p, "/"), strings.TrimSuffix(r.URL.RawPath, "/")
		}
		next.ServeHTTP(w, r)
	})
}

// Serve answers on a listener until ctx is done, and lets the answers on their
// way go out.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log logr.Logger) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		// A request that is being answered when ctx ends is answered.
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		ErrorLog:    slog.NewLogLogger(logr.ToSlogHandler(log), slog.LevelInfo),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	log.Info("Serving the API", "address", l.Addr().String())
	select {
	case err := <-served:
		return fmt.Errorf("serving on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownPatience)
	defer cancel()
	err := server.Shutdown(stop)
	if err != nil {
		err = errors.Join(fmt.Errorf("stopping the API: %w", err), server.Close())
	}
	if end := <-served; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	return err
}
