package desk

import (
	"context"
	"errors"
	"strconv"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/auth"
	"github.com/open-vigie/vigie/services/internal/httpserver/problem"
	"github.com/open-vigie/vigie/services/internal/vault"
)

// request is one act of a person, checked, on its way into the log.
type request struct {
	key, prefer string
	// body tells a repeat from another request under the key.
	body any
	act  string
	id   func(user string) ids.ID
	site uint64
	// incident and named are what the act is about, for its answer.
	incident, named string
	fill            func(*vigiev1.Event, *sealing)
}

// take brings an act into the log and answers with its outcome.
func (d *Desk) take(ctx context.Context, r request) (*actionOutput, error) {
	user := auth.UserOf(ctx)
	if err := checkKey(r.key); err != nil {
		return nil, err
	}
	wait, err := waitOf(r.prefer, defaultWait)
	if err != nil {
		return nil, err
	}
	x, fresh, err := d.acts.begin(&act{
		id: r.id(user.Name), key: user.Name + "\x00" + r.key, body: digest(r.body),
		name: r.act, incident: r.incident, site: r.site, named: r.named,
	})
	if errors.Is(err, errKeyReused) {
		return nil, problem.New(problem.KeyReused, "the key "+strconv.Quote(r.key)+" came with another body before")
	}
	if fresh {
		if err := d.append(x, r, user); err != nil {
			d.metrics.acts.WithLabelValues(r.act, "busy").Inc()
			return nil, err
		}
	}
	out, err := d.await(ctx, x, wait)
	d.metrics.acts.WithLabelValues(r.act, answerName(out, err)).Inc()
	return out, err
}

// append makes the event and hands it to the appender.
func (d *Desk) append(x *act, r request, user auth.User) error {
	e, err := d.event(x.id, r.site, d.source(user, r.key), r.fill)
	if err != nil {
		d.acts.confirm(x, err)
		return err
	}
	e.Correlation = r.incident
	if err := d.deps.Appender.Append(r.site, record(e, x.id), func(err error) { d.acts.confirm(x, err) }); err != nil {
		d.acts.confirm(x, err)
		return busy(err)
	}
	return nil
}

// event is an act's event, its texts sealed under the site's key and bound to the
// event's id: a text copied into another event does not open.
func (d *Desk) event(id ids.ID, site uint64, source *vigiev1.Source, fill func(*vigiev1.Event, *sealing)) (*vigiev1.Event, error) {
	e := &vigiev1.Event{Id: id[:], Site: site, Source: source}
	s := &sealing{vault: d.deps.Vault, key: vault.SiteKey(site), aad: vault.AAD(vault.FieldNote, id[:])}
	fill(e, s)
	if s.err != nil {
		d.deps.Log.Error("seal a text", "site", site, "error", s.err)
		return nil, problem.New(problem.Internal, "the text could not be sealed")
	}
	return e, nil
}

// sealing seals the texts of one event, and remembers the first failure.
type sealing struct {
	vault Sealer
	key   string
	aad   []byte
	err   error
}

// text sealed; nil for none.
func (s *sealing) text(text string) *vigiev1.Sealed {
	if text == "" || s.err != nil {
		return nil
	}
	sealed, err := s.vault.Seal(s.key, []byte(text), s.aad)
	s.err = err
	return sealed
}
