package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// channelSites carries the changes of all sites; below it, by number, those of one.
const channelSites = "sites"

const (
	// firstRetry and lastRetry are the pauses between attempts to reach the console.
	firstRetry = 500 * time.Millisecond
	lastRetry  = 15 * time.Second
	// maxBatch is what is gathered for one frame: many times what the console
	// writes at once.
	maxBatch = 4_096
)

// errManyStreams refuses a stream; Grafana asks again later.
var errManyStreams = fmt.Errorf("%d channels of this data source are open already", maxStreams)

// errAnother says that a channel is none of this data source's.
var errAnother = errors.New("the channels are sites and sites/<number>")

// channel reads a path; 0 is all sites.
func channel(path string) (uint64, error) {
	if path == channelSites {
		return 0, nil
	}
	text, ok := strings.CutPrefix(path, channelSites+"/")
	const greatest = 1<<53 - 1 // the console's, and what a browser counts exactly
	number, err := strconv.ParseUint(text, 10, 64)
	if !ok || err != nil || number == 0 || number > greatest {
		return 0, fmt.Errorf("channel %q: %w", path, errAnother)
	}
	return number, nil
}

// live answers a query for states with the channel on which they come.
func (s *Source) live(m model) (data.Frames, error) {
	if s.console == nil {
		return nil, errNoConsole
	}
	path := channelSites
	if m.Site != 0 {
		path += "/" + strconv.FormatUint(m.Site, 10)
	}
	if _, err := channel(path); err != nil {
		return nil, fmt.Errorf("%w: %w", errModel, err)
	}
	frame := sitesFrame(nil)
	frame.Meta.Channel = "ds/" + s.uid + "/" + path
	return data.Frames{frame}, nil
}

// SubscribeStream lets anybody look who may use the data source, and gives what
// asks for a look now; a console that is away is tried again by RunStream.
func (s *Source) SubscribeStream(ctx context.Context, req *backend.SubscribeStreamRequest) (*backend.SubscribeStreamResponse, error) {
	number, err := channel(req.Path)
	if err != nil || s.console == nil {
		return &backend.SubscribeStreamResponse{Status: backend.SubscribeStreamStatusNotFound}, nil
	}
	var now []site
	if number == 0 {
		var p sitesPage
		p, err = s.console.page(ctx, 0, pageOfSites, true)
		now = p.Sites
	} else {
		var one site
		one, err = s.console.one(ctx, number)
		now = []site{one}
	}
	if errors.Is(err, errNoSite) {
		return &backend.SubscribeStreamResponse{Status: backend.SubscribeStreamStatusNotFound}, nil
	}
	if err != nil {
		s.log.Warn("a channel begins without states", "channel", req.Path, "error", err)
		now = nil
	}
	first, err := backend.NewInitialFrame(sitesFrame(now), data.IncludeAll)
	if err != nil {
		return nil, fmt.Errorf("encode the states of %s: %w", req.Path, err)
	}
	return &backend.SubscribeStreamResponse{Status: backend.SubscribeStreamStatusOK, InitialData: first}, nil
}

// PublishStream refuses: the plugin only reads.
func (s *Source) PublishStream(context.Context, *backend.PublishStreamRequest) (*backend.PublishStreamResponse, error) {
	return &backend.PublishStreamResponse{Status: backend.PublishStreamStatusPermissionDenied}, nil
}

// RunStream sends the changes of a channel until Grafana ends it. A console that
// goes away is tried again, and resumed where it was left.
func (s *Source) RunStream(ctx context.Context, req *backend.RunStreamRequest, sender *backend.StreamSender) error {
	number, err := channel(req.Path)
	if err != nil {
		return err
	}
	if s.console == nil {
		return errNoConsole
	}
	if s.streams.Add(1) > maxStreams {
		s.streams.Add(-1)
		return errManyStreams
	}
	defer s.streams.Add(-1)
	ctx, done := s.during(ctx)
	defer done()
	r := newRelay(s.console, number, func(f *data.Frame) error { return sender.SendFrame(f, data.IncludeAll) })
	for pause := firstRetry; ; pause = min(2*pause, lastRetry) {
		err := s.console.follow(ctx, r.id, r.take)
		if cause := context.Cause(ctx); cause != nil {
			if errors.Is(cause, errDisposed) {
				return cause // Grafana asks again, of the new one
			}
			return nil
		}
		s.log.Warn("live states are tried again", "channel", req.Path, "pause", pause, "error", err)
		if r.heard() {
			pause = firstRetry
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// relay turns the console's events into frames of one channel.
type relay struct {
	console *console
	// only restricts to one site; 0 is all.
	only uint64
	send func(*data.Frame) error
	// id is after what was sent; the stream resumes there.
	id string
	// lost says that what came before cannot be resumed: states are to be read anew.
	lost bool
	// batch holds the changes since the last frame.
	batch []site
	// versions are those sent last, by site, since the console could not resume: a
	// repeat, or what was overtaken, is not sent.
	versions map[uint64]uint64
	// shown are the sites that a viewer has seen.
	shown map[uint64]bool
	got   bool
}

func newRelay(c *console, only uint64, send func(*data.Frame) error) *relay {
	return &relay{console: c, only: only, send: send, versions: map[uint64]uint64{}, shown: map[uint64]bool{}}
}

// heard says whether anything came since it was asked last.
func (r *relay) heard() bool {
	got := r.got
	r.got = false
	return got
}

// take is given each event of the live stream. The console closes every write
// with an event "at", which carries the id of all before it.
func (r *relay) take(ctx context.Context, e event) error {
	r.got = true
	switch e.name {
	case "reset":
		r.lost, r.batch = true, nil
	case "site":
		var st site
		if err := json.Unmarshal(e.data, &st); err != nil {
			return fmt.Errorf("a site of the live stream cannot be read: %w", err)
		}
		if r.only != 0 && r.only != st.Site {
			return nil
		}
		if len(r.batch) == maxBatch {
			return fmt.Errorf("the live stream brought %d sites and no event at: is the console of another version?", maxBatch)
		}
		r.batch = append(r.batch, st)
	case "at":
		return r.reached(ctx, e.id)
	}
	return nil
}

// reached sends what was gathered, then moves the id: a frame that could not be
// sent is asked for again.
func (r *relay) reached(ctx context.Context, id string) error {
	batch := r.batch
	r.batch = nil
	if r.lost {
		if err := r.reload(ctx); err != nil {
			return err
		}
		r.lost = false
	}
	if err := r.pass(batch); err != nil {
		return err
	}
	r.id = id
	return nil
}

// pass sends those changes that are news.
func (r *relay) pass(batch []site) error {
	var fresh []site
	for _, st := range batch {
		known, seen := r.versions[st.Site]
		if seen && !st.Removed && st.Version <= known {
			continue
		}
		fresh = append(fresh, st)
		r.remember(st)
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := r.send(sitesFrame(fresh)); err != nil {
		return fmt.Errorf("send states to Grafana: %w", err)
	}
	return nil
}

func (r *relay) remember(st site) {
	if st.Removed {
		delete(r.versions, st.Site)
		delete(r.shown, st.Site)
		return
	}
	r.versions[st.Site], r.shown[st.Site] = st.Version, true
}
