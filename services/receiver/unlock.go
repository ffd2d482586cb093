package receiver

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/receiver/dc09"
	"github.com/open-vigie/vigie/services/receiver/keyring"
)

// whereabouts is what the receiver knows of the account that a frame names.
type whereabouts struct {
	site, version uint64
	keys          keyring.Keys
	keyed         bool
}

// known tells an account that someone declared, or gave a key of its own: a number
// of accounts that no sender can raise.
func (w whereabouts) known() bool {
	return w.site < ids.FirstUndeclared || w.version > 0 || w.keyed && !w.keys.Default
}

func (r *Receiver) whereabouts(line uint32, account string) (w whereabouts) {
	w.site, w.version = r.accounts.site(line, account)
	if r.keys != nil {
		w.keys, w.keyed = r.keys.Ring().Find(line, account)
	}
	return w
}

// request is what the answer to a frame is made of: its header, and the key that
// opened it, nil for a clear one.
type request struct {
	header dc09.Frame
	key    *dc09.Key
	// cipher names the encrypted frame for the watch for replays.
	cipher uint64
	kin    kin
}

func requestOf(f dc09.Frame) request {
	f.Data, f.Extended = nil, nil // they stand in a buffer that will be used again
	return request{header: f}
}

// ack appends the answer: encrypted when the request was, with our clock.
func (q *request) ack(dst []byte, nowMS int64) ([]byte, error) {
	if q.key == nil {
		return dc09.AppendACK(dst, q.header), nil
	}
	var pad dc09.Pad
	if _, err := rand.Read(pad[:]); err != nil {
		return nil, fmt.Errorf("drawing the pad of an answer: %w", err)
	}
	return dc09.AppendSealedACK(dst, q.header, q.key, pad, nowMS)
}

// unlock opens an encrypted frame with the keys of its account. What cannot be
// opened gets no answer: it is set aside, and a wrong key is a suspicion.
func (r *Receiver) unlock(f dc09.Frame, raw []byte, w whereabouts, o origin) (dc09.Frame, request, bool) {
	refuse := func(reason, detail string) (dc09.Frame, request, bool) {
		r.rejects.add(o, reason, detail, raw)
		return f, request{}, false
	}
	if !w.keyed {
		return refuse(string(dc09.ReasonEncrypted), fmt.Sprintf("the frame is encrypted, and line %X has no key for its account: see `vigie keys add`", f.Line))
	}
	keys, err := w.ciphers()
	if err != nil {
		return refuse(string(dc09.ReasonEncrypted), err.Error())
	}
	q := requestOf(f)
	q.cipher = r.watch.cipherHash(f.Data)
	opened, place, err := dc09.Decrypt(nil, f, r.cfg.Tolerances.of(f.Line), keys...)
	if err == nil && w.keys.Default && otherAccountInside(opened) {
		// Under a key that many share, the header in clear proves nothing.
		place, err = -1, &dc09.Error{Reason: dc09.ReasonWrongKey, Detail: "the account inside is another than in the header"}
	}
	var fault *dc09.Error
	if errors.As(err, &fault) {
		if fault.Reason == dc09.ReasonWrongKey {
			r.suspect(f, raw, w, o, vigiev1.Suspicion_SUSPICION_WRONG_KEY)
		}
		return refuse(string(fault.Reason), fault.Error())
	}
	q.key = keys[place]
	r.noteKey(opened, raw, w, o, place == 1)
	return opened, q, true
}

// ciphers are the account's keys, ready for use: the one in use, then the next.
func (w whereabouts) ciphers() ([]*dc09.Key, error) {
	var keys []*dc09.Key
	for _, k := range [][]byte{w.keys.Current, w.keys.Next} {
		if len(k) == 0 {
			continue
		}
		key, err := dc09.NewKey(k)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// noteKey follows the change of a key: that the next one was heard is told to who
// ends the change; the old one after it may be another's.
func (r *Receiver) noteKey(f dc09.Frame, raw []byte, w whereabouts, o origin, next bool) {
	now := time.UnixMilli(r.appender.NowMS())
	if len(w.keys.Next) == 0 {
		r.watch.keySettled(w.site, now)
		return
	}
	first, old := r.watch.keyUsed(w.site, next, now)
	if first {
		r.log.Info("the next key of an account was used: the change can be ended by vigie keys rotate --finish", "line", f.Line, "site", w.site)
	}
	if old {
		r.suspect(f, raw, w, o, vigiev1.Suspicion_SUSPICION_OLD_KEY)
	}
}

// otherAccountInside tells a frame whose data names an account, and another one than
// its header.
func otherAccountInside(f dc09.Frame) bool {
	if dc09.IsPoll(f.Token) {
		return false
	}
	inside := accountInside(f)
	return inside != "" && ids.Account(inside) != ids.Account(f.Account)
}
