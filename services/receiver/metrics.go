package receiver

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/open-vigie/vigie/services/receiver/keyring"
)

type metrics struct {
	frames, answers, taken, outcomes   tally
	rejected, silences, closed         *prometheus.CounterVec
	suspicions                         *prometheus.CounterVec
	refusedConnections                 *prometheus.CounterVec
	joined, repeated, suspicionsUntold prometheus.Counter
	datagramErrors, rejectedLost       prometheus.Counter
	connections                        prometheus.Gauge
	answerSeconds                      prometheus.Histogram
}

// RegisterMetrics registers what a receiver counts, for the page that lists it.
func RegisterMetrics(reg prometheus.Registerer) error {
	_, err := newMetrics(reg)
	return errors.Join(err, registerState(reg, nil, newLimits(Limits{})))
}

// registerState registers what is read off at each scrape.
func registerState(reg prometheus.Registerer, keys Keys, l *limits) error {
	ring := func(of func(*keyring.Ring) int) func() float64 {
		return func() float64 {
			if keys == nil {
				return 0
			}
			return float64(of(keys.Ring()))
		}
	}
	gauge := func(name, help string, of func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "vigie_receiver_" + name, Help: help}, of)
	}
	var errs []error
	for _, c := range []prometheus.Collector{
		gauge("keyring_keys", "Accounts, and lines for all of theirs, that have a key.", ring((*keyring.Ring).Len)),
		gauge("keyring_keys_changing", "Keys that are being changed: old and new are accepted.", ring((*keyring.Ring).Rotating)),
		gauge("sources", "Sources whose use is remembered.", func() float64 { return float64(l.known()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "vigie_receiver_keyring_failures_total", Help: "Readings of a changed keyring that failed; the keys at hand stay in force."},
			func() float64 {
				if keys == nil {
					return 0
				}
				return float64(keys.Failures())
			}),
	} {
		errs = append(errs, reg.Register(c))
	}
	return errors.Join(errs...)
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	count := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "vigie_receiver_" + name, Help: help})
	}
	countBy := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "vigie_receiver_" + name, Help: help}, labels)
	}
	m := &metrics{
		frames:             tallyOf(countBy("frames_total", "Well-formed frames, by transport (tcp, udp, tls, http, surgard) and token.", "transport", "token"), transports*len(tokens)),
		answers:            tallyOf(countBy("answers_total", "Answers given, by transport and kind.", "transport", "answer"), transports*len(answerKinds)),
		rejected:           countBy("rejected_total", "Pieces set aside, by transport and reason.", "transport", "reason"),
		silences:           countBy("silences_total", "Frames left without an answer, by reason.", "reason"),
		closed:             countBy("connections_closed_total", "TCP connections ended, by reason: peer, idle, stalled, bad-frames, write, stopped, gave-way (silent, and its place was needed).", "reason"),
		joined:             count("joined_total", "Retransmissions that joined an append under way."),
		repeated:           count("repeated_total", "Retransmissions over UDP that got the same answer again."),
		taken:              tallyOf(countBy("taken_total", "Frames taken in, by line (0 to F, or other), path, account (known, or new: nobody declared it) and cipher (clear, aes, or gateway: what relayed it answers for it).", "line", "path", "account", "cipher"), lineCount*pathCount*len(accountsAre)*len(ciphers)),
		outcomes:           tallyOf(countBy("outcomes_total", "What became of frames whose account could be read, by line (0 to F, or other), path (0: not readable), account (declared, keyed: it has a key, undeclared) and outcome: ack, nak, silence (the panel sends again), refused (set aside).", "line", "path", "account", "outcome"), kins*len(outcomes)),
		suspicions:         countBy("suspicions_total", "Suspect transmissions, told or not, by kind.", "suspicion"),
		suspicionsUntold:   count("suspicions_untold_total", "Suspicions that were counted only: repeats, and beyond the rate."),
		refusedConnections: countBy("connections_refused_total", "TCP connections refused, by reason: room (of all), waits (no room, and one of its source was ended lately without a frame), source or network (has its share), proxy (no PROXY header, or one that is none), tls (no handshake).", "reason"),
		datagramErrors:     count("datagram_errors_total", "Errors of the UDP socket."),
		rejectedLost:       count("rejected_lost_total", "Pieces set aside that were counted but could not be kept."),
		connections:        prometheus.NewGauge(prometheus.GaugeOpts{Name: "vigie_receiver_connections", Help: "TCP connections now."}),
		answerSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "vigie_receiver_answer_seconds", Help: "From the last byte of a frame read to its answer written; of a gateway's message to its answer due.",
			Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30},
			// A factor of 1.1 tells percentiles within 5 %.
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: time.Hour}),
	}
	if reg == nil {
		return m, nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.frames.vec, m.answers.vec, m.rejected, m.silences, m.closed, m.joined, m.repeated,
		m.taken.vec, m.outcomes.vec, m.suspicions, m.suspicionsUntold, m.refusedConnections, m.datagramErrors, m.rejectedLost, m.connections, m.answerSeconds} {
		errs = append(errs, reg.Register(c))
	}
	return m, errors.Join(errs...)
}
