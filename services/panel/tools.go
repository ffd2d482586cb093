package panel

import (
	"regexp"
	"strconv"
	"time"

	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// Interpreter explains what panels sent to programs that know nothing of DC-09.
type Interpreter struct{}

// addressed finds line and account where the rest of a frame is damaged.
var addressed = regexp.MustCompile(`"[0-9]{4}(?:R[0-9A-Fa-f]*)?(?:L([0-9A-Fa-f]{0,6}))?#([0-9A-Za-z]{1,16})\[`)

// Address finds line and account of a frame, however damaged the rest of it is.
func (Interpreter) Address(raw []byte) (line uint32, account string, ok bool) {
	if f, fault := parse(raw, tolerant); fault == nil && f.Account != "" {
		return f.Line, f.Account, true
	}
	m := addressed.FindSubmatch(raw)
	if m == nil {
		return 0, "", false
	}
	n, _ := strconv.ParseUint("0"+string(m[1]), 16, 32) // 6 digits at most
	return uint32(n), string(m[2]), true
}

// Shown is the function Shown.
func (Interpreter) Shown(raw []byte) string { return Shown(raw) }

// Explain is Read and Text, without keys.
func (Interpreter) Explain(raw []byte, at time.Time, lang string) string {
	return Read(raw, at, nil).Text(lang)
}

// Meaning says what a code means, in French for "fr" and in English for any other
// language: "alarm, intrusion (Burglary Alarm)"; "" for one that no table has.
func (Interpreter) Meaning(format, code, lang string) string {
	var r Reported
	switch {
	case format == "SIA":
		r = reportedSIA(dc09.SIAEvent{Code: code})
	case format == "CID" && len(code) == 4:
		r = reportedCID(dc09.CIDEvent{Qualifier: code[0], Code: code[1:]})
	}
	if !r.Known {
		return ""
	}
	return wordsOf(lang).meaning(r) + named(r.Name)
}
